// Owns what a revision whose pods are on their way is doing, in words. Must not know causes that block.
// Amounts are rounded, so that a download writes the status a few times and not at every look.
import type { FetchProgress } from '@slipway/api';
import type { Because } from '../rollout/index.ts';
import type { PodFacts, RevisionFacts } from '../types.ts';

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

/** What the revision's first unready pod is at. */
export function doingOf(revision: RevisionFacts): Because {
  const pod = revision.pods.filter((each) => !each.ready && !each.deleting).sort((a, b) => (a.name < b.name ? -1 : 1))[0];
  if (pod === undefined) return { reason: 'CreatingPods', message: `pods of ${revision.name} are being created` };
  if (pod.progress !== undefined) return { reason: 'Downloading', message: downloadWords(pod.progress) };
  return { reason: loads(pod) ? 'LoadingModel' : 'CreatingPods', message: loads(pod) ? loadingWords(pod) : `pod ${pod.name} is starting` };
}

const loads = ({ state, containers }: PodFacts): boolean => state !== undefined || containers.some((each) => !each.init && each.running === true);

function loadingWords({ name, state }: PodFacts): string {
  return state?.phase === 'WarmingUp' ? `pod ${name} warms up the model` : `pod ${name} loads the model`;
}

/** Ten steps of the whole, and a rate of one digit: a status that moved with every byte would be written without end. */
function downloadWords({ phase, bytesDone, bytesTotal, bytesPerSecond, attempt, lastError }: FetchProgress): string {
  const again = attempt > 1 ? `, attempt ${attempt}${lastError === undefined ? '' : ` after: ${lastError}`}` : '';
  if (phase !== 'Downloading') return `the package: ${phase.toLowerCase()}${again}`;
  const rate = bytesPerSecond > 0 ? ` at ${megabytes(Number(bytesPerSecond.toPrecision(1)))}/s` : '';
  if (bytesTotal === undefined || bytesTotal === 0) return `the package: ${megabytes(Number(bytesDone.toPrecision(1)))} so far${rate}${again}`;
  const tenths = Math.floor((10 * bytesDone) / bytesTotal);
  return `the package: ${megabytes((tenths * bytesTotal) / 10)} of ${megabytes(bytesTotal)} (${tenths * 10}%)${rate}${again}`;
}
