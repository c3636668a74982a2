// npx slipway, typed as a person types it in a clone: npx finds it without asking a registry, each command tells its own help, a mistake is
// named with what was meant, and paths are those of the folder where the person is.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

interface Ended { code: number; stdout: string; stderr: string }

const root = path.resolve(import.meta.dirname, '..');
const program = path.join(root, 'tools', 'slipway.mjs');
let cache: string;
beforeAll(async () => { cache = await mkdtemp(path.join(tmpdir(), 'slipway-npx-')); });
afterAll(async () => { await rm(cache, { recursive: true, force: true }); });

/** The environment of somebody's shell: this test may itself have been started by npm, which leaves its settings in it. */
const shell = (): NodeJS.ProcessEnv => Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== 'INIT_CWD' && !name.startsWith('npm_')));

async function run(command: readonly [string, ...string[]], cwd = root, env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const [file, ...args] = command;
  try {
    return { code: 0, ...(await promisify(execFile)(file, args, { cwd, env: { ...shell(), ...env } })) };
  } catch (error) {
    return error as Ended;
  }
}

const typed = (...args: string[]): Promise<Ended> => run([process.execPath, program, ...args]);

describe('npx slipway', { timeout: 60_000 }, () => {
  /** Nobody listens on port 9. */
  const npx = (cwd: string, ...args: string[]): Promise<Ended> => run(['npx', 'slipway', ...args], cwd, { npm_config_cache: cache, npm_config_registry: 'http://127.0.0.1:9', npm_config_fetch_retries: '0' });

  it('is the clone\'s own, and needs no registry', async () => {
    expect(await npx(root, '--help')).toEqual({ code: 0, stdout: expect.stringMatching(/^usage: npx slipway COMMAND\n/) as string, stderr: '' });
  });

  it('takes paths from where it is typed', async () => {
    expect(await npx(path.join(root, 'server', 'src'), 'pack', 'main.ts')).toMatchObject({ code: 1, stderr: expect.stringMatching(/^pack: main.ts is none of: /) as string });
  });
});

describe('slipway', { timeout: 60_000 }, () => {
  it('without a command is its help', async () => {
    expect(await typed()).toEqual(await typed('--help'));
    expect(await typed('-h')).toEqual(await typed('--help'));
  });

  it.each(['pack', 'serve', 'start', 'stop', 'kubeconfig'])('%s --help tells that command\'s own', async (name) => {
    expect((await typed('--help')).stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
    expect(await typed(name, '--help')).toEqual({ code: 0, stdout: expect.stringMatching(new RegExp(`^usage: npx slipway ${name}\\b`)) as string, stderr: '' });
  });

  it('lists every command that is tried here', async () => {
    expect((await typed('--help')).stdout.match(/^ {2}\S+/gm)).toHaveLength(5);
  });

  it.each([
    ['a letter in another place', ['pakc', 'model.onnx'], 'there is no command "pakc"; did you mean pack? npx slipway --help lists them.'],
    ['a letter missing', ['serv'], 'there is no command "serv"; did you mean serve? npx slipway --help lists them.'],
    ['nothing near', ['constructor'], 'there is no command "constructor". npx slipway --help lists them.'],
    ['what a command does not take', ['stop', 'everything'], 'it does not take "everything"; --help tells what it takes'],
    ['an option that a command does not have', ['start', '--now'], expect.stringMatching(/^Unknown option '--now'/) as string],
    ['a second folder', ['serve', 'one', 'two'], 'it does not take "two"; --help tells what it takes'],
  ])('%s is a mistake', async (_what, args, words) => {
    const { code, stdout, stderr } = await typed(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(/^error: (.*)\n$/s.exec(stderr)?.[1]).toEqual(words);
  });

  it('runs a command as its npm script does', async () => {
    const { scripts } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
    const [, ...args] = scripts['pack']?.split(' ') ?? [];
    expect(await run([process.execPath, ...args, 'nowhere'])).toMatchObject({ code: 1, stderr: (await typed('pack', 'nowhere')).stderr });
  });
});
