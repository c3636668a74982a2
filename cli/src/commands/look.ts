// Owns the commands that only look: get, list, history, status. Must not change anything.
import { CliError, EXIT } from '../errors.ts';
import type { Format } from '../print/output.ts';
import type { Session } from '../session.ts';
import { historyView, listView } from '../view/lists.ts';
import type { Metadata, Service, Snapshot } from '../view/objects.ts';
import { endOf, whereItIs } from '../view/release.ts';
import type { End } from '../view/release.ts';
import { recordsOf } from '../view/revisions.ts';
import { summaryView } from '../view/summary.ts';
import { line } from '../view/text.ts';
import type { Line } from '../view/text.ts';
import { treeView } from '../view/tree.ts';
import { waitFor, watchSnapshots } from './follow.ts';
import { listServices, readService, readSnapshot } from './read.ts';

const picture = (snapshot: Snapshot, width: number): Line[] => [...summaryView(snapshot, width), [], ...treeView(snapshot, width)];

/** Without managedFields, as kubectl prints objects. */
const bare = <T extends { metadata: Metadata }>(object: T): T => ({ ...object, metadata: { ...object.metadata, managedFields: undefined } });

export async function get(session: Session, name: string, options: { watch?: boolean; output?: Format }): Promise<void> {
  const { output } = session;
  if (options.watch === true) return watchSnapshots(session, name, (snapshot) => output.draw(picture(snapshot, output.width)));
  const snapshot = await readSnapshot(session, name);
  if (options.output === undefined) return output.lines(picture(snapshot, output.width));
  const { service, revisions, pods } = snapshot;
  output.object({ service: bare(service), revisions: revisions.map(bare), pods: pods.map(bare) }, options.output);
}

export async function list(session: Session, options: { allNamespaces?: boolean; output?: Format }): Promise<void> {
  const all = options.allNamespaces === true;
  const services = await listServices(session, all);
  if (options.output === undefined) return session.output.lines(listView(services, session.clock.now(), all));
  session.output.object(services.map(bare), options.output);
}

export async function history(session: Session, name: string, options: { output?: Format }): Promise<void> {
  const snapshot = await readSnapshot(session, name);
  if (options.output === undefined) return session.output.lines(historyView(snapshot));
  session.output.object(recordsOf(snapshot).map(({ metadata, revision, data }) => ({ revision, name: metadata.name, created: metadata.creationTimestamp, spec: data?.spec })), options.output);
}

const CODES: Readonly<Record<End['end'], number>> = { Healthy: EXIT.ok, Degraded: EXIT.failed, Paused: EXIT.paused };

/** Waits for the end of the rollout; the exit code says which end it was. */
export async function status(session: Session, name: string, options: { wait: boolean; timeout: number }): Promise<number> {
  const { output } = session;
  const first = await readService(session, name);
  if (!options.wait) {
    output.lines([line(whereItIs(first))]);
    const end = endOf(first);
    return end === undefined ? EXIT.ok : CODES[end.end];
  }
  let told = '';
  const tell = (service: Service): void => {
    const now = whereItIs(service);
    if (now !== told) output.lines([line(now)]);
    told = now;
  };
  const until = (service: Service): End | undefined => {
    tell(service);
    return endOf(service);
  };
  const { end, message } = await waitFor(session, { name, timeoutMs: options.timeout, until, otherwise: () => `not rolled out within the timeout; it is at: ${told}\n\`kubectl isvc explain ${name}\` tells the cause.` });
  if (end === 'Healthy') return EXIT.ok;
  throw new CliError(end === 'Paused' ? `the rollout waits for a person. ${message}` : message, CODES[end]);
}
