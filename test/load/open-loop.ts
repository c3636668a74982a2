// A client that sends at a fixed rate whatever comes back, and counts latency from the moment a request was due: a slow proxy cannot
// slow its own measure down. Raw sockets and one ready-made request, so that the client costs less than what it measures.
// Run: open-loop.ts <host> <port> <requests per second> <seconds> <connections>; prints one JSON line, latencies in microseconds.
import net from 'node:net';

const [host = '127.0.0.1', ...numbers] = process.argv.slice(2);
const [port = 0, rate = 1000, seconds = 3, connections = 32] = numbers.map(Number);
const TICK_MS = 1;
const END_OF_HEAD = '\r\n\r\n';

const body = JSON.stringify({ text: 'not bad at all, I would watch it again with my whole family' }).padEnd(80, ' ');
const request = Buffer.from(`POST /predict HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`);

interface Lane {
  socket: net.Socket;
  /** When the request under way was due; undefined while the lane is free. */
  due: number | undefined;
  seen: string;
}

const latencies: number[] = [];
const free: Lane[] = [];
const due: number[] = [];
let bad = 0;
let taken = 0;

/** Bytes of the first whole answer in `text`, 0 while it is not whole. All answers of the bench have a Content-Length. */
function answerLength(text: string): number {
  const head = text.indexOf(END_OF_HEAD);
  if (head < 0) return 0;
  const length = Number(/content-length: (\d+)/i.exec(text.slice(0, head))?.[1] ?? NaN);
  const end = head + END_OF_HEAD.length + length;
  return text.length >= end ? end : 0;
}

function onData(lane: Lane, chunk: Buffer): void {
  lane.seen += chunk.toString('latin1');
  const end = answerLength(lane.seen);
  if (end === 0) return;
  if (!lane.seen.startsWith('HTTP/1.1 200')) bad += 1;
  lane.seen = lane.seen.slice(end);
  if (lane.due !== undefined) latencies.push((performance.now() - lane.due) * 1000);
  lane.due = undefined;
  free.push(lane);
  send();
}

async function open(): Promise<void> {
  const socket = net.connect(port, host).setNoDelay(true);
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  const lane: Lane = { socket, due: undefined, seen: '' };
  socket.on('data', (chunk: Buffer) => onData(lane, chunk));
  socket.on('close', () => { bad += lane.due === undefined ? 0 : 1; });
  free.push(lane);
}

function send(): void {
  while (taken < due.length) {
    const lane = free.pop();
    if (lane === undefined) return;
    lane.due = due[taken++];
    lane.socket.write(request);
  }
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
}

await Promise.all(Array.from({ length: connections }, open));
const started = performance.now();
const total = rate * seconds;
let planned = 0;
await new Promise<void>((resolve) => {
  const timer = setInterval(() => {
    const now = performance.now();
    const until = Math.min(total, ((now - started) / 1000) * rate);
    for (; planned < until; planned++) due.push(started + (planned * 1000) / rate);
    send();
    const over = now - started > seconds * 1000 + 2000;
    if (latencies.length + bad >= total || over) {
      clearInterval(timer);
      resolve();
    }
  }, TICK_MS);
});
const sorted = latencies.sort((a, b) => a - b);
process.stdout.write(`${JSON.stringify({ answered: sorted.length, unanswered: total - sorted.length, bad, p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) })}\n`);
process.exit(0);
