// Owns asking a pod's admin port for a small JSON document: short, over plain HTTP, parsed by a schema. Must not guess: what cannot be
// reached or read is reported as such.
import { Agent, get } from 'node:http';
import type { IncomingMessage } from 'node:http';

export type Answer<T> = { value: T } | { unreachable: string };

export interface AskOptions<T> {
  host: string;
  port: number;
  path: string;
  /** Throws on anything else than a T. */
  schema: { parse(value: unknown): T };
  timeoutMs: number;
}

/** Asks one pod. Never rejects. */
export type Ask = <T>(options: AskOptions<T>) => Promise<Answer<T>>;

const ANSWER_LIMIT = 8 * 1024 * 1024;

async function read(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of response) {
    size += (piece as Buffer).length;
    if (size > ANSWER_LIMIT) throw new Error('the answer is too long');
    pieces.push(piece as Buffer);
  }
  return Buffer.concat(pieces).toString('utf8');
}

function request(agent: Agent, options: AskOptions<unknown>): Promise<IncomingMessage> {
  const { host, port, path, timeoutMs } = options;
  return new Promise((resolve, reject) => {
    get({ agent, host, port, path, family: 0, signal: AbortSignal.timeout(timeoutMs) }, resolve).once('error', reject);
  });
}

async function askOnce<T>(agent: Agent, options: AskOptions<T>): Promise<Answer<T>> {
  const what = `http://${options.host}:${options.port}${options.path}`;
  try {
    const response = await request(agent, options);
    const text = await read(response);
    if (response.statusCode !== 200) return { unreachable: `${what} answered ${response.statusCode}` };
    return { value: options.schema.parse(JSON.parse(text)) };
  } catch (error) {
    const { name, message } = error as Error;
    return { unreachable: `${what}: ${name === 'AbortError' ? `no answer within ${options.timeoutMs} ms` : message.slice(0, 200)}` };
  }
}

/** Asks over connections that are kept for a few seconds. */
export function createAsk(): Ask {
  const agent = new Agent({ keepAlive: true, timeout: 5_000, maxFreeSockets: 64 });
  return (options) => askOnce(agent, options);
}
