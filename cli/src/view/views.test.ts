// The pictures of get, history and explain for real services: a canary that waits for promotion, and one whose Secret is missing.
import { readFileSync } from 'node:fs';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { explainView } from './explain.ts';
import { historyView, listView } from './lists.ts';
import type { Snapshot, Warning } from './objects.ts';
import { answerTo, endOf, gitOpsTool, orderFor, targetOfUndo, undoPatch } from './release.ts';
import { summaryView } from './summary.ts';
import { lengthOf, plain, wrap } from './text.ts';
import type { Line } from './text.ts';
import { treeView } from './tree.ts';

function fixture(name: string): Snapshot {
  const objects = load(readFileSync(new URL(`./testdata/${name}.yaml`, import.meta.url), 'utf8')) as Omit<Snapshot, 'at' | 'gaps'>;
  const times = [...objects.pods, ...objects.revisions].map((each) => Date.parse(each.metadata.creationTimestamp ?? ''));
  return { ...objects, at: Math.max(...times) + 30_000, gaps: [] };
}

const text = (lines: readonly Line[]): string => `${lines.map(plain).join('\n')}\n`;
const golden = (name: string): string => `./testdata/${name}.txt`;
const warningsOf = ({ pods, at }: Snapshot): Warning[] =>
  pods.slice(0, 1).map((pod) => ({ metadata: { name: 'w' }, involvedObject: { kind: 'Pod', name: pod.metadata.name }, reason: 'Failed', message: 'Error: secret "models-s3" not found', lastTimestamp: new Date(at - 5_000).toISOString() }));

describe.each(['paused', 'blocked'])('%s', (name) => {
  const snapshot = fixture(name);

  it('get', async () => {
    await expect(text([...summaryView(snapshot, 80), [], ...treeView(snapshot, 80)])).toMatchFileSnapshot(golden(`${name}.get`));
  });
  it('get on a wide terminal cuts no name', () => {
    const tree = text(treeView(snapshot, 200));
    for (const pod of snapshot.pods) expect(tree).toContain(pod.metadata.name);
    expect(tree).not.toContain('…');
  });
  it('explain', async () => {
    await expect(text(explainView(snapshot, warningsOf(snapshot), 80))).toMatchFileSnapshot(golden(`${name}.explain`));
  });
  it('history and list', async () => {
    await expect(text([...historyView(snapshot), [], ...listView([snapshot.service], snapshot.at, true)])).toMatchFileSnapshot(golden(`${name}.lists`));
  });
  it.each([40, 80, 120])('fits %i columns', (width) => {
    const all = [...summaryView(snapshot, width), ...treeView(snapshot, width), ...explainView(snapshot, warningsOf(snapshot), width)];
    for (const each of all) expect(lengthOf(each.length === 0 ? [] : [{ text: plain(each), tone: 'plain' }])).toBeLessThanOrEqual(width);
  });
});

describe('what is sent', () => {
  const { service } = fixture('paused');
  const candidate = service.status?.rollout?.candidate ?? '';
  const handled = (values: Record<string, string>, lastCommand?: object): typeof service => ({ ...service, status: { ...service.status, rollout: { ...service.status?.rollout, state: 'Waiting', handled: values, ...(lastCommand === undefined ? {} : { lastCommand: lastCommand as never }) } } });

  it('promote names the pause, --full and abort the candidate', () => {
    expect(orderFor('promote', service, false, 'n')).toEqual({ annotation: 'serving.slipway.dev/promote', value: `${candidate}:2` });
    expect(orderFor('promote', service, true, 'n')).toMatchObject({ value: `${candidate}:full` });
    expect(orderFor('abort', service, false, 'n')).toEqual({ annotation: 'serving.slipway.dev/abort', value: candidate });
  });
  it('a value that was seen once is made new', () => {
    expect(orderFor('abort', handled({ abort: candidate }), false, 'now')).toMatchObject({ value: `${candidate}#now` });
  });
  it('without a rollout there is nothing to order', () => {
    expect(orderFor('retry', { ...service, status: {} }, false, 'n')).toHaveProperty('refused');
  });
  it('only an answer to this very value counts', () => {
    const last = { verb: 'promote', revision: candidate, at: 'x', result: 'Ignored', message: 'too late' };
    expect(answerTo('promote', `${candidate}:2`, handled({ promote: `${candidate}:1` }, last))).toBeUndefined();
    expect(answerTo('promote', `${candidate}:2`, handled({ promote: `${candidate}:2` }, last))).toEqual({ accepted: false, message: 'too late' });
  });
  it('undo goes back to the stable revision while a candidate is on its way', () => {
    const { revisions } = fixture('paused');
    const stable = service.status?.rollout?.stable;
    expect(targetOfUndo(service, revisions, undefined)).toMatchObject({ metadata: { name: stable } });
    expect(targetOfUndo(service, revisions, 2)).toMatchObject({ revision: 2 });
    expect(targetOfUndo(service, revisions, 9)).toEqual({ refused: 'there is no revision 9; recorded are 2, 1' });
    const settled = { ...service, status: { ...service.status, rollout: { state: 'Idle' as const, ...(stable === undefined ? {} : { stable }) } } };
    expect(targetOfUndo(settled, revisions, undefined)).toMatchObject({ metadata: { name: candidate } });
  });
  it('undo replaces the recorded parts, removes the others, and only if nobody changed the spec', () => {
    const target = { metadata: { name: 'r' }, revision: 1, data: { spec: { model: { storageUri: 'file:///old' } } } };
    const patch = undoPatch({ ...service, spec: { ...service.spec, resources: {} } }, target);
    expect(patch).toContainEqual({ op: 'test', path: '/metadata/generation', value: service.metadata.generation });
    expect(patch).toContainEqual({ op: 'add', path: '/spec/model', value: { storageUri: 'file:///old' } });
    expect(patch).toContainEqual({ op: 'remove', path: '/spec/resources' });
  });
  it('knows who holds the spec', () => {
    expect(gitOpsTool(service)).toBeUndefined();
    expect(gitOpsTool({ ...service, metadata: { ...service.metadata, annotations: { 'argocd.argoproj.io/tracking-id': 'a' } } })).toBe('Argo CD');
  });
});

describe('the end of a wait', () => {
  const { service } = fixture('paused');
  it('is a pause that waits for a person', () => expect(endOf(service)).toMatchObject({ end: 'Paused', message: expect.stringMatching(/^AwaitingPromotion: /) as string }));
  it('is not told by a status of an older spec', () => expect(endOf({ ...service, metadata: { ...service.metadata, generation: 99 } })).toBeUndefined());
  it('has not come while a cause may still clear', () => expect(endOf(fixture('blocked').service)).toBeUndefined());
});

it('wraps at spaces and cuts what has none', () => {
  expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
  expect(wrap('abcdefghij', 4)).toEqual(['abcd', 'efgh', 'ij']);
});
