// A keep-alive HTTP/1.1 connection that sends one ready-made request over and over. Raw sockets, so that the client costs less than what
// it measures. Must not know what the answer means: 200 and whole is well.
import net from 'node:net';
import { CLOSED, type Ended, type Lane } from './lane.ts';

const END_OF_HEAD = '\r\n\r\n';
const OK = 'HTTP/1.1 200';

export interface HttpRequest {
  port: number;
  path: string;
  headers: Readonly<Record<string, string>>;
  body: Buffer;
}

function bytesOf({ port, path, headers, body }: HttpRequest): Buffer {
  const lines = Object.entries({ host: `127.0.0.1:${port}`, ...headers, 'content-length': String(body.byteLength) }).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n`), body]);
}

/** Connects `count` lanes. */
export async function httpLanes(request: HttpRequest, count: number): Promise<Lane[]> {
  const bytes = bytesOf(request);
  return Promise.all(Array.from({ length: count }, () => connect(request.port, bytes)));
}

async function connect(port: number, bytes: Buffer): Promise<Lane> {
  const socket = net.connect(port, '127.0.0.1').setNoDelay(true);
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  let seen = '';
  let under: Ended | undefined;
  const end = (wrong: string | undefined): void => {
    const told = under;
    under = undefined;
    told?.(wrong);
  };
  socket.on('error', () => undefined);
  socket.on('close', () => end(CLOSED));
  socket.on('data', (chunk: Buffer) => {
    seen += chunk.toString('latin1');
    const length = answerLength(seen);
    if (length === 0) return;
    const wrong = seen.startsWith(OK) ? undefined : seen.slice(0, 400);
    seen = seen.slice(length);
    end(wrong);
  });
  return {
    send: (ended) => {
      under = ended;
      if (socket.destroyed) end(CLOSED);
      else socket.write(bytes);
    },
  };
}

/** Bytes of the first whole answer in `text`, 0 while it is not whole. */
function answerLength(text: string): number {
  const head = text.indexOf(END_OF_HEAD);
  if (head < 0) return 0;
  const from = head + END_OF_HEAD.length;
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, from))?.[1];
  if (length === undefined) return chunkedEnd(text, from);
  return text.length >= from + Number(length) ? from + Number(length) : 0;
}

function chunkedEnd(text: string, from: number): number {
  const end = text.indexOf('0\r\n\r\n', from);
  return end < 0 ? 0 : end + '0\r\n\r\n'.length;
}
