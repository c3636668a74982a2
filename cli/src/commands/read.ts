// Owns the reads: one InferenceService, its records, pods and warnings. Must not write or lay anything out.
import { GROUP, KIND, LABELS, PLURAL, VERSION } from '@slipway/api';
import { CONTROLLER_REVISIONS, PODS, isForbidden, isNotFound } from '@slipway/kube';
import type { KubeObject, ResourceType } from '@slipway/kube';
import { CliError } from '../errors.ts';
import type { Session } from '../session.ts';
import type { Pod, Revision, Service, Snapshot, Warning } from '../view/objects.ts';

export const SERVICES: ResourceType = { group: GROUP, version: VERSION, kind: KIND, plural: PLURAL, namespaced: true };
/** The core kind: the role `view` has no right on that of events.k8s.io. */
const EVENTS: ResourceType = { group: '', version: 'v1', kind: 'Event', plural: 'events', namespaced: true };
export const ofService = (name: string): string => `${LABELS.inferenceService}=${name}`;

/** The views name only the fields that they read. */
const as = <T>(objects: readonly KubeObject[]): T[] => objects as unknown as T[];

export async function readService({ client, namespace }: Session, name: string): Promise<Service> {
  try {
    return (await client.get({ type: SERVICES, namespace, name })) as unknown as Service;
  } catch (error) {
    if (isNotFound(error) && error.reason === 'NotFound' && !error.message.includes('requested resource')) {
      throw new CliError(`there is no InferenceService ${name} in namespace ${namespace}\n\`kubectl isvc list -A\` shows where there are some.`);
    }
    throw error;
  }
}

export const listServices = async ({ client, namespace }: Session, all: boolean): Promise<Service[]> =>
  as<Service>((await client.list(SERVICES, all ? {} : { namespace })).items);

export const readRevisions = async ({ client, namespace }: Session, name: string): Promise<Revision[]> =>
  as<Revision>((await client.list(CONTROLLER_REVISIONS, { namespace, labelSelector: ofService(name) })).items);

export const readPods = async ({ client, namespace }: Session, name: string): Promise<Pod[]> =>
  as<Pod>((await client.list(PODS, { namespace, labelSelector: ofService(name) })).items);

export const readWarnings = async ({ client, namespace }: Session): Promise<Warning[]> =>
  as<Warning>((await client.list(EVENTS, { namespace, fieldSelector: 'type=Warning', limit: 500 })).items);

/** What `read` gives, or nothing and a remark when the person may not read it. */
export async function ifAllowed<T>(read: Promise<T[]>, what: string, gaps: string[]): Promise<T[]> {
  try {
    return await read;
  } catch (error) {
    if (!isForbidden(error)) throw error;
    gaps.push(`you may not list ${what} here, so they are left out`);
    return [];
  }
}

/** Everything about one service now. */
export async function readSnapshot(session: Session, name: string): Promise<Snapshot> {
  const service = await readService(session, name);
  const gaps: string[] = [];
  const [revisions, pods] = await Promise.all([
    ifAllowed(readRevisions(session, name), 'controllerrevisions', gaps),
    ifAllowed(readPods(session, name), 'pods', gaps),
  ]);
  return { at: session.clock.now(), service, revisions, pods, gaps };
}
