// Owns the judgement of failed requests: which kind, and whether a kill -9 explains it. Must not know how requests are sent.
import type { Kill, Sent } from './journal.ts';

/** `in flight`: on a killed process, with no way to repeat it. `led there`: met a killed router before its Service had dropped it. */
type Excuse = 'in flight' | 'led there';

/** A broken connection, not an answer. */
const isBroken = ({ problem = '' }: Sent): boolean => /^(ECONNRESET|ECONNREFUSED|EPIPE|UND_ERR_SOCKET|UND_ERR_CONNECT_TIMEOUT|ERR_HTTP2)|^the stream ended|^read ECONN|^connect ECONN|other side closed/.test(problem);
/** The router heard the pod break off. */
const isBadGateway = ({ problem = '' }: Sent): boolean => problem.startsWith('502 ');

/** How this kill explains the failed request, if it does. The operator carries no requests, so its end excuses none. */
function excuseOf(sent: Sent, { program, at, until }: Kill): Excuse | undefined {
  if (program === 'operator' || !(isBroken(sent) || (program === 'server' && isBadGateway(sent)))) return undefined;
  if (sent.due <= at && sent.due + sent.ms >= at) return 'in flight';
  return program === 'router' && sent.due >= at && sent.due <= until ? 'led there' : undefined;
}

/** The kill that explains a failed request, and how; undefined: nothing does, it is lost. */
export function excuseFor(sent: Sent, kills: readonly Kill[]): { kill: Kill; excuse: Excuse } | undefined {
  for (const kill of kills) {
    const excuse = excuseOf(sent, kill);
    if (excuse !== undefined) return { kill, excuse };
  }
  return undefined;
}

/** A failure in few words, so that equal ones are counted together. */
export function kindOf({ problem = '' }: Sent): string {
  const status = /^\d{3}\b/.exec(problem)?.[0];
  if (status !== undefined) return `status ${status}`;
  const code = /^[A-Z][A-Z0-9_]+\b/.exec(problem)?.[0];
  return code ?? problem.split(/[:{[]/)[0]?.trim().slice(0, 40) ?? 'unknown';
}
