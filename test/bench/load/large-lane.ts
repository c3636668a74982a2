// gRPC calls with a message of any size, over Node's own HTTP/2: for messages that need many frames and the server's leave to send them.
// It costs more than the lanes for small messages, so it is for what is measured inside the server. Must not know what the message means.
import http2 from 'node:http2';
import { CLOSED, type Ended, type Lane } from './lane.ts';

const HEADER_BYTES = 5;
const WINDOW = 2 ** 30;

interface LargeRequest {
  port: number;
  /** `/package.Service/Method` */
  path: string;
  headers: Readonly<Record<string, string>>;
  message: Buffer;
}

/** `count` streams at once on one connection. */
export async function largeLanes({ port, path, headers, message }: LargeRequest, count: number): Promise<Lane[]> {
  const session = http2.connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: WINDOW } });
  session.on('error', () => undefined);
  await new Promise((resolve, reject) => session.once('connect', resolve).once('error', reject));
  session.setLocalWindowSize(WINDOW);
  const framed = Buffer.alloc(HEADER_BYTES + message.byteLength);
  framed.writeUInt32BE(message.byteLength, 1);
  message.copy(framed, HEADER_BYTES);
  const send = (ended: Ended): void => {
    if (session.destroyed) return ended(CLOSED);
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...headers });
    let bytes = 0;
    let status: string | undefined;
    const look = (given: http2.IncomingHttpHeaders): void => {
      status ??= given['grpc-status'] as string | undefined;
    };
    stream.on('response', look).on('trailers', look).on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => (bytes += chunk.byteLength));
    stream.once('close', () => ended(session.destroyed ? CLOSED : status === '0' && bytes > HEADER_BYTES ? undefined : `gRPC status ${status ?? 'none'}`));
    stream.end(framed);
  };
  return Array.from({ length: count }, () => ({ send }));
}
