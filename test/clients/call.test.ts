// Every block of docs/call.md as it is printed there, beside real servers on the sample models, and through routers in processes of their own:
// shell lines by bash, JavaScript by Node, Python by the public clients. What a block says it prints (`=>`) is compared.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureEnvironment, type EnvironmentName } from '../../tools/clients/environments.ts';
import { MODELS, ROOT, serve, temporaryFolder, type TestServer } from '../server/support/server.ts';
import { startRouterProcess, type RouterProcess } from './support/router-process.ts';

interface Block {
  language: string;
  text: string;
  /** Lines that it says it prints. */
  prints: string[];
  name: string;
}

const PYTHON = path.join(import.meta.dirname, 'python');
const TIMEOUT_MS = 120_000;
const page = readFileSync(path.join(ROOT, 'docs/call.md'), 'utf8');
const folder = temporaryFolder();
let server: TestServer;
let kserve: TestServer;
const routers: RouterProcess[] = [];
/** Ports that take the place of the one in the docs: of the sample models, and of V1 as KServe has it. */
type Ports = Record<'samples' | 'kserve', number>;
const PLACES: readonly { place: string; ports: () => Ports }[] = [
  { place: 'on the server', ports: () => ({ samples: server.port, kserve: kserve.port }) },
  { place: 'through a router in a process of its own', ports: () => ({ samples: routers[0]?.port ?? 0, kserve: routers[1]?.port ?? 0 }) },
];

/** The blocks of a page; a shell block is one per line. */
function blocksOf(markdown: string): Block[] {
  const fences = [...markdown.matchAll(/^```(sh|js|python)\n([\s\S]*?)^```$/gm)].map((match) => ({ language: match[1] ?? '', text: match[2] ?? '' }));
  const single = fences.flatMap(({ language, text }) => (language === 'sh' ? text.trim().split('\n').map((line) => ({ language, text: line })) : [{ language, text }]));
  const named = (text: string, language: string): string => (language === 'sh' ? text : `${language}: ${text.trim().split('\n').find((line) => /predict|infer|Predict/.test(line))?.trim() ?? text.slice(0, 60)}`);
  return single.map(({ language, text }) => ({ language, text, name: named(text, language), prints: [...text.matchAll(/(?:#|\/\/) => (.*)$/gm)].map((match) => match[1] ?? '') }));
}

const blocks = blocksOf(page);

/** Which Python environment has what a block imports. */
function environmentOf(text: string): EnvironmentName {
  if (text.includes('tensorflow')) return 'tfserving';
  return text.includes('import requests') ? 'schemathesis' : 'open-inference';
}

async function run({ language, text }: Block, ports: Ports): Promise<string> {
  const here = (each: string): string => each.replaceAll('127.0.0.1:3000', `127.0.0.1:${String(each.includes('V1_DIALECT=kserve') ? ports.kserve : ports.samples)}`);
  const env = { PATH: process.env['PATH'] ?? '', no_proxy: '*' };
  if (language === 'sh') return (await promisify(execFile)('bash', ['-o', 'pipefail', '-c', here(text)], { cwd: ROOT, env, timeout: TIMEOUT_MS })).stdout;
  const file = path.join(folder.path, language === 'js' ? 'block.mjs' : 'block.py');
  await writeFile(file, here(text));
  if (language === 'js') return (await promisify(execFile)(process.execPath, [file], { cwd: ROOT, env, timeout: TIMEOUT_MS })).stdout;
  const { directory } = await ensureEnvironment(environmentOf(text), { note: () => undefined });
  const python = { ...env, PYTHONPATH: directory, PYTHONDONTWRITEBYTECODE: '1', PYTHONNOUSERSITE: '1' };
  return (await promisify(execFile)('python3', [path.join(PYTHON, 'run_block.py'), file], { cwd: ROOT, env: python, timeout: TIMEOUT_MS })).stdout;
}

beforeAll(async () => {
  server = await serve({ MODEL_PATH: MODELS, WARMUP_ITERATIONS: '1' });
  kserve = await serve({ MODEL_PATH: path.join(MODELS, 'sentiment'), WARMUP_ITERATIONS: '1', V1_DIALECT: 'kserve' });
  for (const { port } of [server, kserve]) routers.push(await startRouterProcess(port, { v1: '127.0.0.1', v2: '127.0.0.1' }));
  await symlink(path.join(ROOT, 'node_modules'), path.join(folder.path, 'node_modules'));
}, 240_000);
afterAll(async () => {
  await Promise.all(routers.map((router) => router.stop()));
  await server.close();
  await kserve.close();
  folder[Symbol.dispose]();
});

describe('docs/call.md', () => {
  it('has blocks in each language, and each that is no shell says what it prints', () => {
    const count = (language: string): number => blocks.filter((block) => block.language === language).length;
    expect([count('sh') > 8, count('js') > 4, count('python') > 5]).toEqual([true, true, true]);
    for (const block of blocks) if (block.language !== 'sh') expect(block.prints, block.text).not.toEqual([]);
    expect([...page.matchAll(/^```/gm)]).toHaveLength(2 * [...page.matchAll(/^```(sh|js|python)$/gm)].length);
  });

  it.each(PLACES.flatMap((where) => blocks.map((block) => ({ ...where, block, name: block.name }))))('$place: $name', async ({ block, ports }) => {
    const stdout = await run(block, ports());
    if (block.language === 'sh') expect(stdout.length).toBeGreaterThan(10);
    else expect(stdout.trimEnd().split('\n')).toEqual(block.prints);
  });

  it('the one that tries again gets its answer from a server that is not ready yet', async () => {
    const block = blocks.find((each) => each.language === 'js' && each.text.includes('Retry-After')) as Block;
    await using late = await serve({ MODEL_PATH: path.join(MODELS, 'sentiment', 'v2'), WARMUP_ITERATIONS: '3000' }, false);
    const file = path.join(folder.path, 'again.mjs');
    await writeFile(file, block.text.replaceAll('127.0.0.1:3000', `127.0.0.1:${String(late.port)}`));
    const { stdout } = await promisify(execFile)(process.execPath, [file], { timeout: TIMEOUT_MS });
    expect(stdout.trimEnd().split('\n')).toEqual(block.prints);
    const { body } = await late.get('/metrics', { accept: 'text/plain' });
    expect(body).toMatch(/slipway_server_requests_total\{[^}]*protocol="native",code="503"\} [1-9]/);
  });
});
