// Owns the commands that steer a release: promote, abort, retry, pause, resume, undo. They name what they saw and answer when the
// operator has. Must not decide what a command means.
import { isInvalid } from '@slipway/kube';
import type { ObjectRef } from '@slipway/kube';
import { CliError, EXIT } from '../errors.ts';
import type { Session } from '../session.ts';
import type { Revision, Service } from '../view/objects.ts';
import { answerTo, gitOpsTool, orderFor, targetOfUndo, undoManifest, undoPatch, whereItIs } from '../view/release.ts';
import type { Verb } from '../view/release.ts';
import { line } from '../view/text.ts';
import { waitFor } from './follow.ts';
import { SERVICES, readRevisions, readService } from './read.ts';

/** Field manager of what a person changes with this plugin. */
const FIELD_MANAGER = 'kubectl-isvc';

const refOf = ({ namespace }: Session, name: string): ObjectRef => ({ type: SERVICES, namespace, name });
const silent = (ms: number): string => `the operator has not answered within ${ms / 1000} s; the request stays in place and takes effect when it does\nSee whether it runs: kubectl get pods -A -l app.kubernetes.io/name=slipway`;

export interface OrderOptions { full?: boolean; timeout: number }

/** Sends the command and prints the operator's answer; fails if it was ignored. */
export async function order(session: Session, verb: Verb, name: string, { full = false, timeout }: OrderOptions): Promise<void> {
  const made = orderFor(verb, await readService(session, name), full, new Date(session.clock.now()).toISOString());
  if ('refused' in made) throw new CliError(made.refused);
  await session.client.patch(refOf(session, name), { metadata: { annotations: { [made.annotation]: made.value } } }, { type: 'merge', fieldManager: FIELD_MANAGER });
  const answer = await waitFor(session, { name, timeoutMs: timeout, until: (service) => answerTo(verb, made.value, service), otherwise: () => silent(timeout) });
  if (!answer.accepted) throw new CliError(`${verb} ${name} was ignored: ${answer.message}`);
  session.output.lines([line(`${verb} ${name}: ${answer.message}`)]);
}

/** Resolves once the operator has seen that generation of the spec. */
const seen = (session: Session, name: string, generation: number, timeoutMs: number): Promise<Service> =>
  waitFor(session, { name, timeoutMs, until: (service) => ((service.status?.observedGeneration ?? 0) >= generation ? service : undefined), otherwise: () => silent(timeoutMs) });

function warnOfGitOps(session: Session, service: Service, field: string): void {
  const tool = gitOpsTool(service);
  if (tool !== undefined) session.output.note(`${tool} manages ${service.metadata.name}: commit ${field} too, else it will be set back`);
}

/** Holds the rollout where it is, or lets it go on. */
export async function pause(session: Session, name: string, paused: boolean, { timeout }: { timeout: number }): Promise<void> {
  const before = await readService(session, name);
  if ((before.spec.rollout?.paused ?? false) === paused) return session.output.lines([line(`${name} is ${paused ? 'paused' : 'not paused'} already`)]);
  warnOfGitOps(session, before, `spec.rollout.paused: ${paused}`);
  const patched = await session.client.patch(refOf(session, name), { spec: { rollout: { paused } } }, { type: 'merge', fieldManager: FIELD_MANAGER });
  const service = await seen(session, name, patched.metadata.generation ?? 0, timeout);
  session.output.lines([line(`${name} is ${paused ? 'paused' : 'resumed'}: ${whereItIs(service)}`)]);
}

export interface UndoOptions { toRevision?: number; dryRun?: boolean; force?: boolean; timeout: number }

/** Puts a recorded spec back; where Git holds the spec, prints what to commit instead. */
export async function undo(session: Session, name: string, options: UndoOptions): Promise<void> {
  const service = await readService(session, name);
  const target = targetOfUndo(service, await readRevisions(session, name), options.toRevision);
  if ('refused' in target) throw new CliError(`${target.refused}\n\`kubectl isvc history ${name}\` lists them.`);
  const tool = gitOpsTool(service);
  if (options.dryRun === true) return session.output.object(undoManifest(service, target), 'yaml');
  if (tool !== undefined && options.force !== true) {
    session.output.object(undoManifest(service, target), 'yaml');
    throw new CliError(`${tool} manages ${name}, so nothing was changed: commit the above, which is revision ${target.revision}. --force changes the cluster all the same.`);
  }
  await putBack(session, service, target, options.timeout);
}

async function putBack(session: Session, service: Service, target: Revision, timeoutMs: number): Promise<void> {
  const { name } = service.metadata;
  const patched = await session.client.patch(refOf(session, name), undoPatch(service, target), { type: 'json', fieldManager: FIELD_MANAGER }).catch((error: unknown) => {
    if (isInvalid(error) && /test/i.test(error.message)) throw new CliError(`${name} was changed by somebody else meanwhile; look again and repeat`, EXIT.failed, { cause: error });
    throw error;
  });
  const { generation = 0 } = patched.metadata;
  if (generation === service.metadata.generation) return session.output.lines([line(`${name} asks for revision ${target.revision} (${target.metadata.name}) already`)]);
  const now = await seen(session, name, generation, timeoutMs);
  session.output.lines([line(`${name} goes back to revision ${target.revision} (${target.metadata.name}): ${whereItIs(now)}`)]);
}
