// Every InferenceService that the repository shows passes a strict server-side dry run; every bad one is refused with words that help.
// The objects that the operator makes of one (its golden files) are taken too, without a warning of Pod Security.
import { globSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { dump, loadAll } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root, startControlPlane } from './support/control-plane.ts';
import type { ControlPlane } from './support/control-plane.ts';

interface Loaded {
  kind?: string;
  apiVersion?: string;
  data?: unknown;
}

const skipped = /(^|\/)(node_modules|fixtures|testdata)\//;
const glob = (pattern: string): string[] => globSync(pattern, { cwd: root }).filter((file) => !skipped.test(file)).sort();
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

/** `file (n)` and text of each InferenceService in the models' folders and in the fenced blocks of the documents. */
function samples(): [string, string][] {
  const yamls = glob('models/*/*.yaml').map((file): [string, string] => [file, read(file)]);
  const blocks = [...glob('*.md'), ...glob('docs/**/*.md'), ...glob('models/**/*.md')].flatMap((file) =>
    [...read(file).matchAll(/```ya?ml\n([\s\S]*?)```/g)].map((block, index): [string, string] => [`${file} (block ${String(index + 1)})`, block[1] ?? '']),
  );
  return [...yamls, ...blocks].filter(([, text]) => /^kind: InferenceService$/m.test(text));
}

let plane: ControlPlane;
beforeAll(async () => {
  plane = await startControlPlane();
  const labels = { 'pod-security.kubernetes.io/warn': 'restricted', 'pod-security.kubernetes.io/enforce': 'restricted' };
  expect((await plane.kubectl(['apply', '-f', '-'], dump({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'demo', labels } }))).code).toBe(0);
});
afterAll(async () => {
  await plane.stop();
});

/** As `kubectl apply` does it, asking the API server without storing anything. */
const dryRun = (text: string): Promise<{ code: number; stdout: string; stderr: string }> => plane.kubectl(['apply', '--dry-run=server', '-n', 'demo', '-f', '-'], text);

describe('samples', () => {
  it('are found', () => {
    expect(samples().map(([file]) => file)).toEqual(expect.arrayContaining(['models/sentiment/isvc.yaml', 'models/sentiment/canary.yaml', 'models/sentiment/bluegreen.yaml']));
  });

  it.each(samples())('%s passes', async (_file, text) => {
    expect(await dryRun(text)).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('bad samples', () => {
  const folder = 'test/cluster/fixtures/refused';
  const bad = readdirSync(path.join(root, folder)).map((file): [string, string] => [file, read(`${folder}/${file}`)]);
  it.each(bad)('%s is refused with what to do', async (_file, text) => {
    const words = /^# refused: (.*)$/m.exec(text)?.[1] ?? 'the first line says how it is refused';
    const answer = await dryRun(text);
    expect(answer.code).not.toBe(0);
    expect(answer.stderr).toContain(words);
  });
});

describe('children', () => {
  const goldens = globSync('operator/src/resources/testdata/*/*.out.yaml', { cwd: root }).sort();
  const childrenIn = (file: string): Loaded[] => {
    const objects = (loadAll(read(file)) as Loaded[])
      // Their CRDs belong to the Prometheus operator, which brings them along in the end-to-end tests.
      .filter((object) => object.apiVersion !== 'monitoring.coreos.com/v1')
      .map((object) => (object.kind === 'ControllerRevision' ? { ...object, data: {} } : object));
    expect(objects.length).toBeGreaterThan(3);
    return objects;
  };

  it.each(goldens)('%s is taken whole', async (file) => {
    expect(await dryRun(childrenIn(file).map((object) => dump(object)).join('---\n'))).toMatchObject({ code: 0, stderr: '' });
  });

  it.each(goldens)('%s applied a second time changes nothing', async (file) => {
    const text = childrenIn(file).map((object) => dump(object)).join('---\n');
    const apply = async (): Promise<string> => {
      const { code, stdout, stderr } = await plane.kubectl(['apply', '--server-side', '--field-manager=slipway-operator', '-f', '-', '-o', 'jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.resourceVersion}{"\\n"}{end}'], text);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return stdout;
    };
    const first = await apply();
    expect(first).toContain('ConfigMap/');
    expect(await apply()).toBe(first);
    expect((await plane.kubectl(['delete', '-f', '-', '--wait=false'], text)).code).toBe(0);
  });
});
