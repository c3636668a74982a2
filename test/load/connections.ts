// Opens many connections to one address and holds them, for the bench's memory figures.
// Run: connections.ts <host> <port> <count> idle|busy. `idle` sends one request on each and then nothing; `busy` leaves on each a request
// whose body of 16 KiB has arrived but for its last byte. Prints `held` and stays until it is killed.
import net from 'node:net';

const [host = '127.0.0.1', port = '0', count = '1000', kind = 'idle'] = process.argv.slice(2);
const BODY_BYTES = 16 * 1024;
const AT_ONCE = 50;
const head = (length: number): string => `POST /predict HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;

async function idle(socket: net.Socket): Promise<void> {
  socket.write(`${head(2)}{}`);
  await new Promise<void>((resolve) => socket.once('data', () => resolve()));
}

async function busy(socket: net.Socket): Promise<void> {
  await new Promise<void>((resolve) => socket.write(head(BODY_BYTES) + 'x'.repeat(BODY_BYTES - 1), () => resolve()));
}

async function open(): Promise<void> {
  const socket = net.connect(Number(port), host);
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  await (kind === 'busy' ? busy(socket) : idle(socket));
}

for (let opened = 0; opened < Number(count); opened += AT_ONCE) await Promise.all(Array.from({ length: AT_ONCE }, open));
process.stdout.write('held\n');
setInterval(() => undefined, 60_000);
