// Owns ways to the object store that break: one that cuts every answer until it is told to stop, one that lets bytes through slowly.
// Must not know what is fetched.
import { spawn, type ChildProcess } from 'node:child_process';
import { until } from './until.ts';
import type { World } from './world.ts';

const PORTS = { cut: 9974, slow: 9975, mend: 9976 };
/** Bytes per second of the slow way. */
const RATE = 500_000;

/** Runs in the cluster's network: relays of TCP, so that requests keep their signatures. */
const SCRIPT = `
  import { connect, createServer } from 'node:net';
  const [host, port] = process.argv.slice(-2);
  let cutting = true;
  const relay = (at, answer) => createServer((caller) => {
    const store = connect(Number(port), host);
    caller.on('error', () => store.destroy());
    store.on('error', () => caller.destroy());
    caller.pipe(store);
    answer(caller, store);
  }).listen(at, host);
  relay(${PORTS.cut}, (caller, store) => cutting ? store.once('data', () => { caller.resetAndDestroy(); store.destroy(); }) : store.pipe(caller));
  relay(${PORTS.slow}, (caller, store) => {
    store.on('end', () => caller.end());
    store.on('data', (bytes) => { store.pause(); caller.write(bytes); setTimeout(() => store.resume(), 1000 * bytes.length / ${RATE}); });
  });
  createServer((caller) => { cutting = false; caller.end(); }).listen(${PORTS.mend}, host);
`;

export class FaultyStore {
  /** Endpoints as pods reach them. */
  readonly cut: string;
  readonly slow: string;
  readonly #mend: string;
  readonly #world: World;
  readonly #relay: ChildProcess;

  /** `endpoint`: of the real store. */
  constructor(world: World, endpoint: string) {
    const { hostname, port } = new URL(endpoint);
    this.cut = `http://${hostname}:${PORTS.cut}`;
    this.slow = `http://${hostname}:${PORTS.slow}`;
    this.#mend = `http://${hostname}:${PORTS.mend}`;
    this.#world = world;
    const [program = '', ...args] = [...world.access.inside, process.execPath, '--input-type=module', '-e', SCRIPT, hostname, port];
    this.#relay = spawn(program, args, { stdio: 'ignore' });
  }

  async answers(): Promise<void> {
    await until('the slow way to the store answers', async () => (await this.#world.inside('curl', '-sf', '-m', '2', `${this.slow}/minio/health/ready`)) === '', { timeoutMs: 60_000 });
  }

  /** No answer is cut from now on. */
  async mend(): Promise<void> {
    await this.#world.inside('curl', '-s', '-m', '5', this.#mend).catch(() => '');
  }

  stop(): void {
    this.#relay.kill('SIGKILL');
  }
}
