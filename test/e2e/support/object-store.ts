// Owns a real S3 (MinIO) inside the cluster's network: buckets, files, the Secrets that lead there. Must not know what is in the packages.
import { execFile } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { MINIO_KEYS, startMinio, type Minio } from '../../support/minio.ts';
import type { World } from './world.ts';

const run = promisify(execFile);
const PORT = 9970;

export class ObjectStore {
  /** `http://ADDRESS:PORT`, as pods reach it. */
  readonly endpoint: string;
  readonly #world: World;
  readonly #minio: Minio;

  private constructor(world: World, minio: Minio) {
    this.endpoint = minio.endpoint;
    this.#world = world;
    this.#minio = minio;
  }

  /** Starts the server on the node's own address and waits until it answers. */
  static async start(world: World): Promise<ObjectStore> {
    const address = (await world.kubectl('get', 'nodes', '-o', 'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}')).trim();
    return new ObjectStore(world, await startMinio((line) => void process.stderr.write(`${line}\n`), {
      address: `${address}:${PORT}`,
      inside: [...world.access.inside, 'env', 'GOMAXPROCS=1'],
      answers: (url) => world.inside('curl', '-sf', '-m', '2', url).then(() => true, () => false),
    }));
  }

  stop(): Promise<void> {
    return this.#minio.stop();
  }

  async makeBucket(bucket: string): Promise<void> {
    await this.#curl('-X', 'PUT', `${this.endpoint}/${bucket}`);
  }

  /** Writes files below a prefix one after another, in place of what was there by those names. */
  async put(bucket: string, prefix: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
    const temporary = await mkdtemp(path.join(this.#minio.folder, 'upload-'));
    for (const [name, content] of Object.entries(files)) {
      const file = path.join(temporary, path.basename(name));
      await writeFile(file, content);
      await this.#curl('-T', file, `${this.endpoint}/${bucket}/${prefix}/${name}`);
    }
  }

  /** Writes a folder as one .tar.gz: there at once, or not at all. */
  async putArchive(bucket: string, key: string, folder: string): Promise<void> {
    const file = path.join(await mkdtemp(path.join(this.#minio.folder, 'upload-')), 'package.tar.gz');
    await run('tar', ['-czf', file, '-C', folder, '.']);
    await this.#curl('-T', file, `${this.endpoint}/${bucket}/${key}`);
  }

  /** The Secret that spec.model.secretName names. `wrong`: the key is not the one the server knows. */
  secret(name: string, namespace: string, keys: { wrong?: boolean; without?: string; endpoint?: string } = {}): Record<string, unknown> {
    const all = { ...MINIO_KEYS, ...(keys.wrong === true ? { AWS_SECRET_ACCESS_KEY: 'not-the-password' } : {}), AWS_ENDPOINT_URL: keys.endpoint ?? this.endpoint };
    const stringData = Object.fromEntries(Object.entries(all).filter(([key]) => key !== keys.without));
    return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData };
  }

  async #curl(...args: string[]): Promise<void> {
    const [program = 'curl', ...rest] = [...this.#world.access.inside, 'curl', '-sSf', '-m', '20', '--aws-sigv4', 'aws:amz:us-east-1:s3', '--user', `${MINIO_KEYS.AWS_ACCESS_KEY_ID}:${MINIO_KEYS.AWS_SECRET_ACCESS_KEY}`, ...args];
    await run(program, rest);
  }
}
