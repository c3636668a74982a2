// Owns waiting for something to become true of an InferenceService, by watching it. Must not poll or print.
import { CONTROLLER_REVISIONS, PODS, createInformer } from '@slipway/kube';
import type { Informer, KubeObject, ResourceType, Selection } from '@slipway/kube';
import { CliError, EXIT } from '../errors.ts';
import type { Session } from '../session.ts';
import type { Revision, Service, Snapshot } from '../view/objects.ts';
import { SERVICES, ofService, readSnapshot } from './read.ts';

const follow = ({ client, clock, random, namespace }: Session, type: ResourceType, selection: Selection): Informer<KubeObject> =>
  createInformer({ client, clock, random, type, namespace, ...selection });

export interface Wait<T> {
  name: string;
  /** Milliseconds. */
  timeoutMs: number;
  /** Looks at each state; anything but undefined ends the wait. May throw a CliError. */
  until: (service: Service) => T | undefined;
  /** What to say when time is up. */
  otherwise: () => string;
}

/** Resolves with the first answer of `until`. Rejects with CliError when time is up, the person interrupts, or the object is deleted. */
export async function waitFor<T>(session: Session, wait: Wait<T>): Promise<T> {
  const informer = follow(session, SERVICES, { fieldSelector: `metadata.name=${wait.name}` });
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const look = (service: Service): void => {
    try {
      const found = wait.until(service);
      if (found !== undefined) resolve(found);
    } catch (error) {
      reject(error);
    }
  };
  informer.onChange(({ type, object }) => {
    if (type === 'Deleted') reject(new CliError(`InferenceService ${wait.name} was deleted meanwhile`));
    else look(object as unknown as Service);
  });
  const stop = (): void => reject(new CliError('interrupted', EXIT.failed));
  const cancel = session.clock.after(wait.timeoutMs, () => reject(new CliError(wait.otherwise(), EXIT.timeout)));
  session.signal.addEventListener('abort', stop, { once: true });
  try {
    informer.start();
    return await promise;
  } finally {
    cancel();
    session.signal.removeEventListener('abort', stop);
    await informer.stop();
  }
}

/** A change is shown after this many milliseconds, so that several at once are one picture. */
const GATHER_MS = 200;
/** Ages move on even when nothing else does. */
const TICK_MS = 1_000;

/** Calls `show` with each new state until the person interrupts or the object is deleted. */
export async function watchSnapshots(session: Session, name: string, show: (snapshot: Snapshot) => void): Promise<void> {
  const { gaps } = await readSnapshot(session, name);
  const labels = { labelSelector: ofService(name) };
  const services = follow(session, SERVICES, { fieldSelector: `metadata.name=${name}` });
  const revisions = follow(session, CONTROLLER_REVISIONS, labels);
  const pods = follow(session, PODS, labels);
  const readable = [services, revisions, pods].filter((each) => each !== pods || !gaps.some((gap) => gap.includes(' pods ')));
  const { promise, resolve } = Promise.withResolvers<void>();
  let cancel = (): void => undefined;
  const draw = (): void => {
    const service = services.cache.get(session.namespace, name) as unknown as Service | undefined;
    if (service === undefined) return resolve();
    show({ at: session.clock.now(), service, revisions: [...revisions.cache.all()] as unknown as Revision[], pods: [...pods.cache.all()], gaps });
    if (session.output.live) cancel = session.clock.after(TICK_MS, draw);
  };
  const soon = (): void => {
    cancel();
    cancel = session.clock.after(GATHER_MS, draw);
  };
  const stop = (): void => resolve();
  session.signal.addEventListener('abort', stop, { once: true });
  for (const each of readable) each.start();
  await Promise.race([promise, Promise.all(readable.map((each) => each.cache.whenSynced()))]);
  for (const each of readable) each.onChange(soon);
  draw();
  await promise;
  cancel();
  await Promise.all(readable.map((each) => each.stop()));
}
