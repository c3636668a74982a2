// Owns the logs of the serving pods: those that are there, or, when followed, of every pod as it comes, until the person interrupts.
// Must not interpret a line.
import { PODS, TransportError, createInformer, isNotFound, sleep } from '@slipway/kube';
import { CliError } from '../errors.ts';
import type { Session } from '../session.ts';
import type { Container, Pod } from '../view/objects.ts';
import { revisionOfPod } from '../view/revisions.ts';
import { ofService, readPods, readRevisions, readService } from './read.ts';

export interface LogOptions { revision?: string; container: string; follow?: boolean; previous?: boolean; tail?: number }

/** Logs of the pods of one revision, or of all; each line with its pod when there are several, or may be. */
export async function logs(session: Session, name: string, options: LogOptions): Promise<void> {
  await readService(session, name);
  const wanted = await revisionOf(session, name, options.revision);
  const pods = (await readPods(session, name)).filter((pod) => wanted === undefined || revisionOfPod(pod) === wanted);
  if (pods.length === 0) throw new CliError(`${name} has no pods${wanted === undefined ? '' : ` of revision ${options.revision}`}\n\`kubectl isvc explain ${name}\` tells why; \`kubectl isvc history ${name}\` lists the revisions.`);
  if (options.follow === true && options.previous !== true) return follow(session, name, { ...options, ...(wanted === undefined ? {} : { revision: wanted }) });
  for (const pod of pods) await logOf(session, pod, { ...options, prefix: pods.length === 1 ? '' : `${pod.metadata.name} ` });
}

/** The name of the asked revision; undefined: all of them. */
async function revisionOf(session: Session, name: string, asked: string | undefined): Promise<string | undefined> {
  if (asked === undefined || !/^\d+$/.test(asked)) return asked;
  return (await readRevisions(session, name)).find((each) => each.revision === Number(asked))?.metadata.name ?? asked;
}

/** A followed log may be silent for long. */
const SILENCE_MS = 24 * 3_600_000;
/** Milliseconds before a log whose connection broke is read on. */
const AGAIN_MS = 1_000;

interface Reading {
  container: string;
  prefix: string;
  previous?: boolean;
  tail?: number;
  /** Set while following: the time of the last line that was shown, as the kubelet writes it (fixed width), to go on from. */
  shown?: { until: string };
}

async function logOf({ transport, output, signal, namespace }: Session, { metadata }: Pod, { container, prefix, previous = false, tail, shown }: Reading): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/pods/${metadata.name}/log`;
  const since = shown === undefined || shown.until === '' ? undefined : `${shown.until.slice(0, 'YYYY-MM-DDThh:mm:ss'.length)}Z`;
  const follows = String(shown !== undefined);
  const query = { container, follow: follows, timestamps: follows, previous: String(previous), tailLines: tail?.toString(), sinceTime: since };
  const stream = await transport.stream({ verb: 'get', resource: 'pods/log', method: 'GET', path, query, accept: '*/*', signal, ...(shown === undefined ? {} : { timeoutMs: SILENCE_MS }) });
  const take = shown === undefined ? (text: string): string[] => [text] : newSince(shown);
  const show = (lines: readonly string[]): void => output.text(lines.flatMap(take).map((each) => `${prefix}${each}\n`).join(''));
  let rest = '';
  for await (const piece of stream) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    show(lines);
  }
  if (rest !== '') show([rest]);
}

/** Takes the time off each line, and leaves out lines that were shown before the connection broke: a log is asked for by whole seconds. */
function newSince(shown: { until: string }): (text: string) => string[] {
  const before = shown.until;
  return (text) => {
    const [at = ''] = text.split(' ', 1);
    if (at <= before) return [];
    shown.until = at;
    return [text.slice(at.length + 1)];
  };
}

const containerOf = ({ status }: Pod, name: string): Container | undefined =>
  [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].find((each) => each.name === name);

/** Follows the pods of a service, present and to come, until the person interrupts. */
async function follow(session: Session, name: string, options: LogOptions): Promise<void> {
  const { client, clock, random, namespace, signal } = session;
  const informer = createInformer({ client, clock, random, type: PODS, namespace, labelSelector: ofService(name) });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const begun = new Map<string, Promise<void>>();
  const look = (pod: Pod, tail: number | undefined): void => {
    const id = containerOf(pod, options.container)?.containerID;
    if (id === undefined || begun.has(id) || (options.revision !== undefined && revisionOfPod(pod) !== options.revision)) return;
    begun.set(id, followOne(session, pod, { ...options, ...(tail === undefined ? {} : { tail }) }).catch(reject));
  };
  signal.addEventListener('abort', () => resolve(), { once: true });
  informer.start();
  await Promise.race([promise, informer.cache.whenSynced()]);
  for (const pod of informer.cache.all()) look(pod, options.tail);
  informer.onChange(({ type, object }) => (type === 'Deleted' ? undefined : look(object, undefined)));
  await promise.finally(() => informer.stop());
  await Promise.all(begun.values());
}

/** One container to its end; a connection that breaks is made again and goes on where it was. */
async function followOne(session: Session, pod: Pod, { container, tail }: LogOptions): Promise<void> {
  const { signal, clock, output } = session;
  const prefix = `${pod.metadata.name} `;
  const shown = { until: '' };
  while (!signal.aborted) {
    try {
      return await logOf(session, pod, { container, prefix, shown, ...(tail === undefined || shown.until !== '' ? {} : { tail }) });
    } catch (error) {
      if (signal.aborted || isNotFound(error)) return;
      if (!(error instanceof TransportError)) throw error;
      output.note(`${prefix}${error.message}; reading on`);
      await sleep(clock, AGAIN_MS, signal);
    }
  }
}
