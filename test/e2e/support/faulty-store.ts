// Owns ways to the object store that break: one that cuts every answer, one that never answers and one that answers
// 503, until they are mended, and one that lets bytes through slowly.
// Must not know what is fetched.
import { spawn, type ChildProcess } from 'node:child_process';
import { until } from './until.ts';
import type { World } from './world.ts';

const PORTS = { cut: 9974, slow: 9975, mend: 9976, silent: 9977, troubled: 9978 };
/** Bytes per second of the slow way. */
const RATE = 500_000;

/** Runs in the cluster's network: relays of TCP, so that requests keep their signatures. */
const SCRIPT = `
  import { connect, createServer } from 'node:net';
  const [host, port] = process.argv.slice(-2);
  const broken = new Set(['cut', 'silent', 'troubled']);
  const waiting = new Set();
  const relay = (at, answer) => createServer((caller) => {
    const store = connect(Number(port), host);
    caller.on('error', () => store.destroy());
    store.on('error', () => caller.destroy());
    caller.pipe(store);
    answer(caller, store);
  }).listen(at, host);
  relay(${PORTS.cut}, (caller, store) => broken.has('cut') ? store.once('data', () => { caller.resetAndDestroy(); store.destroy(); }) : store.pipe(caller));
  relay(${PORTS.silent}, (caller, store) => broken.has('silent') ? waiting.add(caller) : store.pipe(caller));
  relay(${PORTS.troubled}, (caller, store) => {
    if (!broken.has('troubled')) return store.pipe(caller);
    store.once('data', () => { caller.end('HTTP/1.1 503 Service Unavailable\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n'); store.destroy(); });
  });
  relay(${PORTS.slow}, (caller, store) => {
    store.on('end', () => caller.end());
    store.on('data', (bytes) => { store.pause(); caller.write(bytes); setTimeout(() => store.resume(), 1000 * bytes.length / ${RATE}); });
  });
  createServer((caller) => caller.once('data', (way) => {
    broken.delete(String(way));
    if (!broken.has('silent')) for (const each of waiting) each.destroy();
    caller.end('mended');
  })).listen(${PORTS.mend}, host);
`;

export class FaultyStore {
  /** Endpoints as pods reach them. */
  readonly cut: string;
  readonly slow: string;
  readonly silent: string;
  readonly troubled: string;
  readonly #host: string;
  readonly #world: World;
  readonly #relay: ChildProcess;

  /** `endpoint`: of the real store. */
  constructor(world: World, endpoint: string) {
    const { hostname, port } = new URL(endpoint);
    this.cut = `http://${hostname}:${PORTS.cut}`;
    this.slow = `http://${hostname}:${PORTS.slow}`;
    this.silent = `http://${hostname}:${PORTS.silent}`;
    this.troubled = `http://${hostname}:${PORTS.troubled}`;
    this.#host = hostname;
    this.#world = world;
    const [program = '', ...args] = [...world.access.inside, process.execPath, '--input-type=module', '-e', SCRIPT, hostname, port];
    this.#relay = spawn(program, args, { stdio: 'ignore' });
  }

  async answers(): Promise<void> {
    await until('the slow way to the store answers', async () => (await this.#world.inside('curl', '-sf', '-m', '2', `${this.slow}/minio/health/ready`)) === '', { timeoutMs: 60_000 });
  }

  /** That way is a good one from now on. */
  async mend(way: 'cut' | 'silent' | 'troubled'): Promise<void> {
    const talk = `const s = require('node:net').connect(${PORTS.mend}, '${this.#host}', () => s.write('${way}')); s.resume();`;
    await this.#world.inside(process.execPath, '-e', talk);
  }

  stop(): void {
    this.#relay.kill('SIGKILL');
  }
}
