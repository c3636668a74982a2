// Owns what a pod is doing in one word with a symbol, as kubectl would say it, and the trouble of its containers as sentences.
// Must not know the InferenceService it belongs to.
import type { Container, Pod } from './objects.ts';
import { marked } from './symbols.ts';
import type { Mark } from './symbols.ts';
import type { Span } from './text.ts';

const WAITING = ['ContainerCreating', 'PodInitializing'];

const containersOf = ({ status }: Pod): Container[] => status?.containerStatuses ?? [];
export const isReady = (pod: Pod): boolean => pod.status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') === true;

/** `ready:1/1,restarts:2`. */
export function podInfo(pod: Pod): string {
  const all = containersOf(pod);
  const restarts = [...all, ...(pod.status?.initContainerStatuses ?? [])].reduce((sum, each) => sum + (each.restartCount ?? 0), 0);
  return `ready:${all.filter((each) => each.ready === true).length}/${Math.max(1, all.length)}${restarts === 0 ? '' : `,restarts:${restarts}`}`;
}

function wordOf({ state }: Container): string | undefined {
  if (state?.waiting !== undefined) return state.waiting.reason ?? 'Waiting';
  if (state?.terminated !== undefined) return state.terminated.reason ?? `ExitCode:${state.terminated.exitCode ?? '?'}`;
  return undefined;
}

/** The first init container that is not over, else the first container that does not run. */
function blocked({ status }: Pod): { word: string; trouble: boolean } | undefined {
  const inits = status?.initContainerStatuses ?? [];
  const at = inits.findIndex((each) => each.state?.terminated?.exitCode !== 0);
  const init = inits[at];
  if (init !== undefined) {
    const word = wordOf(init);
    const busy = word === undefined || WAITING.includes(word);
    return { word: `Init:${busy ? `${at}/${inits.length}` : word}`, trouble: !busy };
  }
  const word = (status?.containerStatuses ?? []).map(wordOf).find((each) => each !== undefined);
  return word === undefined ? undefined : { word, trouble: !WAITING.includes(word) };
}

const unscheduled = ({ status }: Pod): { reason?: string; message?: string } | undefined => status?.conditions?.find((each) => each.type === 'PodScheduled' && each.status === 'False');
const markOf = (word: string): Mark => (/ImagePull|ErrImage/.test(word) ? 'warning' : 'bad');

/** One word and its symbol. */
export const podState = (pod: Pod): Span => nowhere(pod) ?? onItsNode(pod);

/** The state of a pod that is on no node, or not for long. */
function nowhere(pod: Pod): Span | undefined {
  if (pod.metadata.deletionTimestamp !== undefined) return marked('neutral', 'Terminating');
  if (pod.status?.phase === 'Failed') return marked('bad', pod.status.reason ?? 'Failed');
  const scheduling = unscheduled(pod);
  return scheduling === undefined ? undefined : marked('warning', scheduling.reason ?? 'Pending');
}

function onItsNode(pod: Pod): Span {
  const block = blocked(pod);
  if (block !== undefined) return marked(block.trouble ? markOf(block.word) : 'progressing', block.word);
  if (isReady(pod)) return marked('ok', 'Running');
  return marked('progressing', pod.status?.phase === 'Running' ? 'NotReady' : (pod.status?.phase ?? 'Pending'));
}

const containerTrouble = (container: Container): string[] => [waitingTrouble(container), exitTrouble(container)].filter((each) => each !== undefined);

function waitingTrouble({ name, state }: Container): string | undefined {
  const { reason = '', message } = state?.waiting ?? {};
  if (reason === '' || WAITING.includes(reason)) return undefined;
  return `container ${name}: ${reason}${message === undefined ? '' : `: ${message}`}`;
}

function exitTrouble({ name, state, lastState }: Container): string | undefined {
  const ended = state?.terminated ?? lastState?.terminated;
  if (ended === undefined || ended.exitCode === 0) return undefined;
  return `container ${name} exited with code ${ended.exitCode ?? '?'} (${ended.reason ?? 'no reason'})${lastWords(ended.message)}`;
}

const lastWords = (message: string | undefined): string => (message === undefined || message.trim() === '' ? '' : `: ${message.trim().slice(-400)}`);

/** What keeps the pod from being ready, container by container; empty when nothing is known to. */
export function podTroubles(pod: Pod): string[] {
  const { status } = pod;
  return [
    ...(status?.phase === 'Failed' ? [[status.reason, status.message].filter((each) => each !== undefined).join(': ')] : []),
    ...[unscheduled(pod)?.message].filter((each) => each !== undefined),
    ...[...(status?.initContainerStatuses ?? []), ...containersOf(pod)].flatMap(containerTrouble),
  ];
}
