// The Python environments of the public clients, and of the servers that the bench compares with: made once from hashed requirements, in the cache, without a virtual environment (a folder
// for PYTHONPATH is enough). It must not know what the clients are asked to do.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { cachedDirectory, cacheRoot, sha256 } from '../cache.ts';
import { exec } from '../exec.ts';
import { downloadWheel, type StepContext } from '../tensorflow/wheel.ts';

/** Names of the environments; each has a requirements file of that name beside this one. */
export const ENVIRONMENTS = ['open-inference', 'tfserving', 'schemathesis'] as const;
/** Those of the bench's peers: installed when the bench runs, not for the tests. */
export const PEER_ENVIRONMENTS = ['mlserver', 'kserve-server', 'bentoml', 'pytriton'] as const;
export type EnvironmentName = (typeof ENVIRONMENTS)[number] | (typeof PEER_ENVIRONMENTS)[number];

/** Machines behind a proxy add its root certificate to this file; the clients here speak plain HTTP on loopback. */
const CHANGED_BY_MACHINES = ['certifi/cacert.pem'];
const INSTALL_TIMEOUT_MS = 15 * 60_000;

/** Folder to put on PYTHONPATH, made first if the cache has it not. Throws with pip's words when it cannot be made. */
export async function ensureEnvironment(name: EnvironmentName, options: Pick<StepContext, 'note' | 'signal'>): Promise<{ directory: string; made: boolean }> {
  const requirements = path.join(import.meta.dirname, `${name}.txt`);
  const python = (await exec(['python3', '-c', 'import sys; print("%d.%d" % sys.version_info[:2])'])).trim();
  const key = sha256(`${python}\n${await readFile(requirements, 'utf8')}`).slice(0, 12);
  const directory = path.join(cacheRoot(), 'clients', `${name}-py${python}-${key}`);
  const { made } = await cachedDirectory(directory, (partial) => make(name, requirements, { ...options, cache: partial }), CHANGED_BY_MACHINES);
  return { directory, made };
}

async function make(name: EnvironmentName, requirements: string, context: StepContext): Promise<void> {
  context.note('installing with pip');
  const pip = ['python3', '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:', '--require-hashes'] as const;
  await exec([...pip, '--target', context.cache, '-r', requirements], { timeoutMs: INSTALL_TIMEOUT_MS, signal: context.signal });
  if (name === 'tfserving') await addTensorFlowProtos(context);
}

/** tensorflow-serving-api's modules import TensorFlow's proto modules, which are plain Python inside its wheel. */
async function addTensorFlowProtos(context: StepContext): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'slipway-protos-'));
  try {
    await downloadWheel(folder, context);
    const wheel = (await readdir(folder)).find((each) => each.endsWith('.whl'));
    if (wheel === undefined) throw new Error('pip downloaded no TensorFlow wheel');
    await exec(['python3', path.join(import.meta.dirname, 'unpack_protos.py'), path.join(folder, wheel), context.cache]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
