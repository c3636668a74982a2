// The command line: every command has help with examples and a place in the docs; mistakes end with the code for usage.
import { manualClock } from '@slipway/kube';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from './commands/index.ts';
import { createOutput } from './print/output.ts';
import { run } from './program.ts';
import { line } from './view/text.ts';

async function typed(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const said = { stdout: '', stderr: '' };
  const stream = (name: keyof typeof said) => ({ write: (text: string) => (said[name] += text) });
  const output = createOutput(stream('stdout'), stream('stderr'), {});
  const code = await run(args, { output, clock: manualClock(), random: () => 0, signal: new AbortController().signal, read: () => Promise.resolve('') });
  return { code, ...said };
}

const docs = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8');

describe.each(COMMANDS.map((each) => each.name))('%s', (name) => {
  it('shows examples and is documented', async () => {
    expect(await typed(name, '--help')).toMatchObject({ code: 0, stdout: expect.stringMatching(new RegExp(`Examples:\n  kubectl isvc ${name}`)) as string });
    expect(docs).toMatch(new RegExp(`\`${name}[ \`]`));
  });
});

it.each([[['promote']], [['nonsense']], [['status', 'x', '--timeout', '5q']], [['undo', 'x', '--to-revision', 'one']], [['get', 'x', '-o', 'xml']], [['predict', 'x']]])('%j is a mistake', async (args) => {
  expect(await typed(...args)).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/^error: /) as string });
});

it('a kubeconfig that is not there is named', async () => {
  expect(await typed('list', '--kubeconfig', '/does/not/exist')).toMatchObject({ code: 1, stderr: expect.stringContaining('/does/not/exist') as string });
});

describe('drawing', () => {
  const drawn = (isTTY: boolean, env: Record<string, string> = {}) => {
    let out = '';
    const output = createOutput({ write: (text: string) => (out += text), isTTY, columns: 80, rows: 4 }, { write: () => undefined }, env);
    return { output, text: () => out };
  };
  it('a terminal gets the next picture over the last, cut to the screen', () => {
    const { output, text } = drawn(true, { NO_COLOR: '1' });
    output.draw(['a', 'b', 'c', 'd', 'e'].map((each) => line(each)));
    output.draw([line('f')]);
    expect(text()).toBe('a\nb\nc\n\u001B[3A\u001B[Jf\n');
  });
  it('anything else gets a picture only when it changed', () => {
    const { output, text } = drawn(false);
    for (const each of ['a', 'a', 'b']) output.draw([line(each, 'good')]);
    expect(text()).toBe('a\n\nb\n');
  });
  it('colour goes to terminals only', () => {
    const terminal = drawn(true);
    terminal.output.lines([line('x', 'good')]);
    expect(terminal.text()).toBe('\u001B[32mx\u001B[0m\n');
  });
});
