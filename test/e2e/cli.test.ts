// A release with `kubectl isvc` alone, on the real node, as a release owner who has nothing but the role `edit` in one namespace does it; and
// what somebody with `view` may do. kubectl finds the plugin on PATH. What needs no pods is in test/cluster/cli.test.ts.
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifest } from './support/isvc.ts';
import { Plugin } from './support/plugin.ts';
import type { Answer, Person, Running } from './support/plugin.ts';
import { canaryOf, candidateOf, EXAMPLE } from './support/release.ts';
import { Screen } from './support/screen.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';

const world = new World();
const namespace = 'e2e-cli';
const name = 'sentiment';
const file = path.join(tmpdir(), `slipway-e2e-cli-${process.pid}.json`);
const TERMINAL = { columns: 80, rows: 40 };
const running: Running[] = [];
let plugin: Plugin;
let owner: Person;
let viewer: Person;

/** The file that the owner keeps, with this version of the model. */
async function keep(version: string): Promise<void> {
  await writeFile(file, JSON.stringify(manifest({ name, namespace, model: `sentiment/${version}`, replicas: 1, rollout: canaryOf(10, 50) })));
}
const apply = async (version: string): Promise<void> => {
  await keep(version);
  expect(await owner.kubectl('apply', '-f', file)).toMatchObject({ code: 0 });
};
const predicted = async (): Promise<string> => {
  const { code, stdout, stderr } = await owner.isvc('predict', name, '-d', JSON.stringify({ text: EXAMPLE.text }));
  expect([code, stderr]).toEqual([0, '']);
  return (JSON.parse(stdout) as { prediction: string }).prediction;
};
const refused = (verb: string): unknown => ({ code: 1, stderr: expect.stringMatching(new RegExp(`cannot ${verb} [^]*Ask for the role \`edit\``)) as string });
const started = (process: Running): Running => {
  running.push(process);
  return process;
};

describe('kubectl isvc on the real node', () => {
  beforeAll(async () => {
    await world.namespace(namespace);
    plugin = await Plugin.install(world, namespace);
    [owner, viewer] = await Promise.all([plugin.person('edit'), plugin.person('view')]);
  });
  afterAll(async () => {
    for (const each of running) each.kill();
    await world.deleteNamespace(namespace);
    await plugin.remove();
  });

  it('status of a new service: 4 when the time is over, 0 once it serves; predict goes through the public Service', async () => {
    await keep('v1');
    expect((await owner.isvc('plan', '-f', file)).stdout).toContain('nothing stands in the way');
    await apply('v1');
    expect(await owner.isvc('status', name, '--timeout', '200ms')).toMatchObject({ code: 4, stderr: expect.stringContaining(`kubectl isvc explain ${name}`) as string });
    expect(await owner.isvc('status', name, '--timeout', '150s')).toMatchObject({ code: 0, stderr: '' });
    expect(await predicted()).toBe(EXAMPLE.expect['v1']);
    const unreadable = await owner.isvc('predict', name, '-d', '{"nothing": 1}');
    expect(unreadable).toMatchObject({ code: 1, stdout: '' });
    expect(unreadable.stderr, 'the words of the server').toMatch(/text/);
  });

  it('a canary: status ends with 3 at each pause, logs and the tree follow it, and abort, retry and promote answer', async () => {
    const logs = started(owner.start('logs', name, '--follow'));
    const tree = started(owner.startInTerminal(TERMINAL, 'get', name, '--watch'));
    const stable = (await world.isvc(name, namespace)).status?.rollout?.stable ?? '';
    await until('the log of the stable pod is shown', async () => logs.shown.includes(`${stable}-`));
    await apply('v2');
    expect(await owner.isvc('status', name, '--timeout', '150s')).toMatchObject({ code: 3, stderr: expect.stringContaining('AwaitingPromotion') as string });
    const candidate = candidateOf(await world.isvc(name, namespace));
    await until("the candidate's log is shown", async () => logs.shown.includes(`${candidate}-`));
    await until('the tree shows both', async () => {
      const seen = Screen.after(tree.shown, TERMINAL.columns).lines.join('\n');
      return seen.includes(candidate) && /canary 10%/.test(seen) && /stable 90%/.test(seen);
    });

    expect(await owner.isvc('promote', name)).toMatchObject({ code: 0, stderr: '' });
    expect(await owner.isvc('status', name)).toMatchObject({ code: 3 });
    expect(await owner.isvc('abort', name)).toMatchObject({ code: 0, stderr: '' });
    expect(await owner.isvc('status', name), 'only a person can help').toMatchObject({ code: 1, stderr: expect.stringContaining('Aborted') as string });
    expect(await predicted()).toBe(EXAMPLE.expect['v1']);
    expect(await owner.isvc('retry', name)).toMatchObject({ code: 0 });
    expect(await owner.isvc('status', name, '--timeout', '150s')).toMatchObject({ code: 3 });
    expect(await owner.isvc('promote', name, '--full')).toMatchObject({ code: 0 });
    expect(await owner.isvc('status', name, '--timeout', '150s')).toMatchObject({ code: 0 });
    expect(await predicted()).toBe(EXAMPLE.expect['v2']);

    await until('the tree shows the end', async () => /✔ Healthy/.test(Screen.after(tree.shown, TERMINAL.columns).lines.join('\n')));
    const screen = Screen.after(tree.shown, TERMINAL.columns);
    expect(screen.wrapped, 'nothing is wider than the terminal').toBe(0);
    expect(screen.redrawn).toBeGreaterThan(5);
    expect(screen.lines.filter((line) => line.startsWith('Name:')), 'one picture is on the screen').toHaveLength(1);
    tree.press('\u0003');
    expect(await tree.ended, 'Ctrl-C ends the tree').toBe(0);
    expect(await logs.interrupt()).toBe(0);
    expect(logs.told).toBe('');
  });

  it('history numbers the revisions, undo goes back, pause holds it', async () => {
    const before = await owner.isvc('history', name);
    expect(before.stdout).toMatch(/^1 .*sentiment\/v1\n2 .*sentiment\/v2/m);
    expect(await owner.isvc('undo', name)).toMatchObject({ code: 0, stdout: expect.stringContaining('goes back to revision 1') as string });
    expect(await owner.isvc('status', name, '--timeout', '150s')).toMatchObject({ code: 3 });
    expect(await owner.isvc('pause', name)).toMatchObject({ code: 0 });
    expect(await owner.isvc('status', name, '--no-wait')).toMatchObject({ code: 3 });
    expect(await owner.isvc('resume', name)).toMatchObject({ code: 0 });
    expect(await owner.isvc('promote', name, '--full')).toMatchObject({ code: 0 });
    expect(await owner.isvc('status', name, '--timeout', '150s')).toMatchObject({ code: 0 });
    expect(await predicted()).toBe(EXAMPLE.expect['v1']);
  });

  it('view sees everything and changes nothing; each refusal names the role that it takes', async () => {
    const looks: [string, RegExp][] = [['get', /⟳ sentiment/], ['history', /sentiment\/v1/], ['explain', /Ready +True/], ['logs', /./], ['status', /Healthy/]];
    const seen = await Promise.all(looks.map(([command]) => viewer.isvc(command, name)));
    for (const [index, [, words]] of looks.entries()) expect(seen[index]).toMatchObject({ code: 0, stdout: expect.stringMatching(words) as string });
    expect((await viewer.isvc('list')).stdout).toMatch(/^sentiment +/m);
    const { generation } = (await world.isvc(name, namespace)).metadata;
    const tries: [string, Promise<Answer>][] = [
      ['patch', viewer.isvc('pause', name)],
      ['patch', viewer.isvc('undo', name, '--to-revision', '2')],
      ['create', viewer.isvc('predict', name, '-d', '{}')],
      ['patch', viewer.isvc('plan', '-f', file)],
    ];
    for (const [verb, answer] of tries) expect(await answer).toMatchObject(refused(verb) as object);
    expect((await world.isvc(name, namespace)).metadata).toMatchObject({ generation });
  });

  it('edit in one namespace is nothing in another', async () => {
    const answer = await owner.kubectl('isvc', 'list', '-n', 'default');
    expect(answer).toMatchObject({ code: 1, stderr: expect.stringMatching(/cannot list [^]*kubectl auth can-i --list/) as string });
    expect((await owner.isvc('list', '-A')).code).toBe(1);
  });
});
