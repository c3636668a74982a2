// What the server compiled is kept in a folder, and read by what starts next: a further worker, a child process, the server itself. Without
// a folder it serves all the same, and what a package brings is never kept.
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { startProcess, type ServerProcess } from './support/process.ts';
import { doubling } from './support/saved-model.ts';
import { ask, MODELS, temporaryFolder, until, type Answer } from './support/server.ts';

const CLASSIFIER = path.join(MODELS, 'classifier', 'v1');
/** Node's own words on standard error for every file that it reads, takes or refuses. */
const TOLD = { NODE_DEBUG_NATIVE: 'COMPILE_CACHE' };
/** Words of a source that workers alone import, and of one that they do not. */
const OF_WORKERS = 'primeAttributeNames';
const OF_THE_SERVER = 'refreshGauges';

const post = (url: string, body: object): Promise<Answer> => ask(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

/** The files of a folder, all the way down, and when each was written. */
function filesOf(folder: string): Map<string, bigint> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile()).map(({ parentPath, name }) => path.join(parentPath, name));
  return new Map(files.map((file) => [file, statSync(file, { bigint: true }).mtimeNs]));
}

const holds = (folder: string, word: string): boolean => [...filesOf(folder).keys()].some((file) => readFileSync(file).includes(word));

/** Waits until both the server and its first worker wrote down what they compiled. */
const written = (folder: string): Promise<boolean> => until(() => holds(folder, OF_WORKERS) && holds(folder, OF_THE_SERVER), Boolean);

/** How often a source was not compiled but taken from the folder. */
const taken = ({ log }: ServerProcess, source: string): number => log().split('\n').filter((line) => line.includes(`/${source} was accepted`)).length;

async function kill({ child, exit }: ServerProcess): Promise<void> {
  child.kill('SIGKILL');
  await exit;
}

describe('compiled JavaScript', () => {
  it('serves the further worker of the first reload, and the next server, also after a kill', async () => {
    using folder = temporaryFolder();
    const env = { MODEL_PATH: CLASSIFIER, COMPILE_CACHE: path.join(folder.path, 'cache'), ...TOLD };
    const first = await startProcess(env);
    await written(env.COMPILE_CACHE);
    expect(taken(first, 'backends/native.ts')).toBe(0);
    expect(await post(`${first.admin}/models`, { name: 'classifier', url: CLASSIFIER, version: 'v1' })).toMatchObject({ status: 201 });
    expect(taken(first, 'backends/native.ts')).toBe(1);
    await kill(first);
    const second = await startProcess(env);
    expect([taken(second, 'src/app.ts'), taken(second, 'backends/native.ts')]).toEqual([1, 1]);
  });

  it('serves child processes: what the first wrote the next one finds', async () => {
    using folder = temporaryFolder();
    const env = { MODEL_PATH: CLASSIFIER, COMPILE_CACHE: path.join(folder.path, 'cache'), MODEL_ISOLATION: 'process' };
    const first = await startProcess(env);
    await written(env.COMPILE_CACHE);
    const files = filesOf(env.COMPILE_CACHE);
    expect(await post(`${first.admin}/models`, { name: 'classifier', url: CLASSIFIER, version: 'v1' })).toMatchObject({ status: 201 });
    await kill(first);
    expect(filesOf(env.COMPILE_CACHE)).toEqual(files);
  });

  it('of a package is not kept', async () => {
    using folder = temporaryFolder();
    const env = { MODEL_PATH: path.join(folder.path, 'own'), COMPILE_CACHE: path.join(folder.path, 'cache'), ALLOW_HANDLERS: 'true' };
    doubling(env.MODEL_PATH, 'float32');
    // A name at the top, which V8 keeps; the inside of a function it compiles when that is called.
    writeFileSync(path.join(env.MODEL_PATH, 'handlers.mjs'), `export const wordsOfThePackage = [];\nexport const postprocess = (outputs, { predictions }) => predictions;\n`);
    writeFileSync(path.join(env.MODEL_PATH, 'model.yaml'), 'apiVersion: modelpackage.slipway.dev/v1\nname: own\nversion: "1"\nformat: saved-model\nhandlers: {module: handlers.mjs}\n');
    const server = await startProcess(env);
    expect(await post(`${server.url}/predict`, { inputs: [[1, 2, 3]] })).toMatchObject({ status: 200, body: { predictions: [[2, 4, 6]] } });
    await written(env.COMPILE_CACHE);
    server.child.kill('SIGTERM'); // at its end each thread writes down what it has
    expect(await server.exit).toBe(0);
    expect(holds(env.COMPILE_CACHE, 'wordsOfThePackage')).toBe(false);
  });

  it.each([
    ['one that cannot be made', (at: string) => { writeFileSync(at, ''); return path.join(at, 'below'); }, 'ENOTDIR'],
    ['one that others can write', (at: string) => { mkdirSync(at); return at; }, 'is open to others'],
  ])('is not kept where the folder is %s: the server says so and serves', async (_what, folderAt, detail) => {
    using folder = temporaryFolder();
    const server = await startProcess({ MODEL_PATH: CLASSIFIER, COMPILE_CACHE: folderAt(path.join(folder.path, 'at')), LOG_LEVEL: 'info', ...TOLD });
    expect(await post(`${server.url}/predict`, { inputs: [[1, 2, 3, 4, 5]] })).toMatchObject({ status: 200 });
    expect(server.log()).toContain('compiled JavaScript is not kept');
    expect(server.log()).toContain(detail);
    expect(server.log()).not.toContain('reading cache from');
  });
});
