// Owns a real S3 (MinIO) inside the cluster's network: buckets, files, the Secrets that lead there. Must not know what is in the packages.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { ensurePrograms } from '../../../tools/cluster/binaries.ts';
import { until } from './until.ts';
import type { World } from './world.ts';

const run = promisify(execFile);
const USER = 'slipway-tests';
const PASSWORD = 'open-for-tests-only';
const PORT = 9970;

export class ObjectStore {
  /** `http://ADDRESS:PORT`, as pods reach it. */
  readonly endpoint: string;
  readonly #world: World;
  readonly #folder: string;
  readonly #server: ChildProcess;

  private constructor(world: World, endpoint: string, folder: string, server: ChildProcess) {
    this.endpoint = endpoint;
    this.#world = world;
    this.#folder = folder;
    this.#server = server;
  }

  /** Starts the server on the node's own address and waits until it answers. */
  static async start(world: World): Promise<ObjectStore> {
    const { minio } = await ensurePrograms(['minio'], { report: (line) => void process.stderr.write(`${line}\n`) });
    const address = (await world.kubectl('get', 'nodes', '-o', 'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}')).trim();
    const folder = await mkdtemp(path.join(tmpdir(), 'slipway-e2e-s3-'));
    const [program = minio, ...args] = [...world.access.inside, minio, 'server', path.join(folder, 'data'), '--address', `${address}:${PORT}`, '--console-address', `127.0.0.1:${PORT + 1}`, '--quiet'];
    const env = { ...process.env, MINIO_ROOT_USER: USER, MINIO_ROOT_PASSWORD: PASSWORD, MINIO_BROWSER: 'off', GOMAXPROCS: '1' };
    const server = spawn(program, args, { env, stdio: 'ignore' });
    const store = new ObjectStore(world, `http://${address}:${PORT}`, folder, server);
    await until('the object store answers', async () => (await world.inside('curl', '-sf', '-m', '2', `${store.endpoint}/minio/health/ready`)) === '', { timeoutMs: 60_000 });
    return store;
  }

  async stop(): Promise<void> {
    this.#server.kill('SIGKILL');
    await rm(this.#folder, { recursive: true, force: true });
  }

  async makeBucket(bucket: string): Promise<void> {
    await this.#curl('-X', 'PUT', `${this.endpoint}/${bucket}`);
  }

  /** Writes files below a prefix one after another, in place of what was there by those names. */
  async put(bucket: string, prefix: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
    const temporary = await mkdtemp(path.join(this.#folder, 'upload-'));
    for (const [name, content] of Object.entries(files)) {
      const file = path.join(temporary, path.basename(name));
      await writeFile(file, content);
      await this.#curl('-T', file, `${this.endpoint}/${bucket}/${prefix}/${name}`);
    }
  }

  /** Writes a folder as one .tar.gz: there at once, or not at all. */
  async putArchive(bucket: string, key: string, folder: string): Promise<void> {
    const file = path.join(await mkdtemp(path.join(this.#folder, 'upload-')), 'package.tar.gz');
    await run('tar', ['-czf', file, '-C', folder, '.']);
    await this.#curl('-T', file, `${this.endpoint}/${bucket}/${key}`);
  }

  /** The Secret that spec.model.secretName names. `wrong`: the key is not the one the server knows. */
  secret(name: string, namespace: string, keys: { wrong?: boolean; without?: string; endpoint?: string } = {}): Record<string, unknown> {
    const all = { AWS_ACCESS_KEY_ID: USER, AWS_SECRET_ACCESS_KEY: keys.wrong === true ? 'not-the-password' : PASSWORD, AWS_ENDPOINT_URL: keys.endpoint ?? this.endpoint };
    const stringData = Object.fromEntries(Object.entries(all).filter(([key]) => key !== keys.without));
    return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData };
  }

  async #curl(...args: string[]): Promise<void> {
    const [program = 'curl', ...rest] = [...this.#world.access.inside, 'curl', '-sSf', '-m', '20', '--aws-sigv4', 'aws:amz:us-east-1:s3', '--user', `${USER}:${PASSWORD}`, ...args];
    await run(program, rest);
  }
}
