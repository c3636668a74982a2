// A client that sends at a fixed rate whatever comes back, and counts latency from the moment a request was due: a slow proxy cannot
// slow its own measure down. Raw sockets, one ready-made request and one read buffer for all, so that the client costs less than what it
// measures; and it says how late it was itself: what is due while it is busy counts as latency, but is not the proxy's.
// Run: open-loop.ts <host> <port> <requests per second> <seconds> <connections>; prints one JSON line, latencies in microseconds.
import net from 'node:net';

const [host = '127.0.0.1', ...numbers] = process.argv.slice(2);
const [port = 0, rate = 1000, seconds = 3, connections = 32] = numbers.map(Number);
const TICK_MS = 1;
/** Answers that are still waited for at the end, in milliseconds. */
const GRACE_MS = 2000;
const END_OF_HEAD = '\r\n\r\n';
const OK = 'HTTP/1.1 200';

const body = JSON.stringify({ text: 'not bad at all, I would watch it again with my whole family' }).padEnd(80, ' ');
const request = `POST /predict HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const READ = Buffer.allocUnsafeSlow(64 * 1024);

interface Lane {
  socket: net.Socket;
  /** When the request under way was due; undefined while the lane is free. */
  due: number | undefined;
  seen: string;
}

const total = Math.floor(rate * seconds);
const latencies = new Float64Array(total);
/** How late the client itself took each request up, whether or not a lane was free. */
const lateness = new Float64Array(total);
const free: Lane[] = [];
let started = 0;
let planned = 0;
let taken = 0;
let answered = 0;
let bad = 0;

const dueAt = (index: number): number => started + (index * 1000) / rate;

/** Bytes of the first whole answer in `text`, 0 while it is not whole. All answers of the bench have a Content-Length. */
function answerLength(text: string): number {
  const head = text.indexOf(END_OF_HEAD);
  if (head < 0) return 0;
  const length = Number(/content-length: (\d+)/i.exec(text.slice(0, head))?.[1] ?? NaN);
  const end = head + END_OF_HEAD.length + length;
  return text.length >= end ? end : 0;
}

/** All answers are as long as the first that was read with care. */
let usual = 0;

function onRead(lane: Lane, bytes: number): boolean {
  if (lane.seen === '' && bytes === usual && READ[9] === OK.charCodeAt(9)) done(lane);
  else carefully(lane, bytes);
  return true;
}

function carefully(lane: Lane, bytes: number): void {
  lane.seen += READ.toString('latin1', 0, bytes);
  const end = answerLength(lane.seen);
  if (end === 0) return;
  if (!lane.seen.startsWith(OK) || end !== lane.seen.length) bad += 1;
  else usual = end;
  lane.seen = '';
  done(lane);
}

function done(lane: Lane): void {
  if (lane.due !== undefined) latencies[answered++] = (performance.now() - lane.due) * 1000;
  lane.due = undefined;
  free.push(lane);
  send();
}

async function open(): Promise<void> {
  const lane: Lane = { socket: undefined as unknown as net.Socket, due: undefined, seen: '' };
  const socket = net.connect({ port, host, noDelay: true, onread: { buffer: READ, callback: (bytes) => onRead(lane, bytes) } });
  lane.socket = socket;
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  socket.on('close', () => { bad += lane.due === undefined ? 0 : 1; });
  free.push(lane);
}

function send(): void {
  while (taken < planned) {
    const lane = free.pop();
    if (lane === undefined) return;
    lane.due = dueAt(taken++);
    lane.socket.write(request, 'latin1');
  }
}

function plan(now: number): void {
  const until = Math.min(total, Math.floor(((now - started) / 1000) * rate));
  for (; planned < until; planned++) lateness[planned] = (now - dueAt(planned)) * 1000;
}

function quantile(numbers: Float64Array, count: number, q: number): number {
  const sorted = numbers.slice(0, count).sort();
  return sorted[Math.min(count - 1, Math.floor(count * q))] ?? 0;
}

await Promise.all(Array.from({ length: connections }, open));
started = performance.now();
await new Promise<void>((resolve) => {
  const timer = setInterval(() => {
    const now = performance.now();
    plan(now);
    send();
    if (answered + bad < total && now - started < seconds * 1000 + GRACE_MS) return;
    clearInterval(timer);
    resolve();
  }, TICK_MS);
});
const [p50, p99] = [0.5, 0.99].map((q) => quantile(latencies, answered, q));
process.stdout.write(`${JSON.stringify({ answered, unanswered: total - answered, bad, p50, p99, late99: quantile(lateness, planned, 0.99) })}\n`);
process.exit(0);
