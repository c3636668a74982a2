// The seams between the parts: what the operator sets, the others read; what they report, the operator knows.
import { globSync, readFileSync } from 'node:fs';
import { loadAll } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { REASONS } from '@slipway/api';
import { helpText as routerHelp } from '../../router/src/config.ts';
import { FAILURES } from '../../router/src/fetch/failures.ts';
import { VARIABLE_NAMES } from '../../server/src/config.ts';

interface Container {
  name: string;
  image: string;
  env?: { name: string }[];
}
interface Workload {
  kind: string;
  spec: { template: { spec: { containers: Container[] } } };
}

const goldens = (folder: string): Workload[] =>
  globSync(`operator/src/resources/testdata/${folder}/*.out.yaml`, { cwd: new URL('../..', import.meta.url) }).flatMap((file) =>
    (loadAll(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')) as Workload[]).filter((object) => object.kind === 'Deployment'),
  );
const variables = (folder: string, ours: (container: Container) => boolean): string[] => [
  ...new Set(goldens(folder).flatMap((object) => object.spec.template.spec.containers.filter(ours).flatMap((container) => (container.env ?? []).map((entry) => entry.name)))),
];

describe('variables', () => {
  it('of the server container are read by the server', () => {
    const set = variables('isvc', (container) => container.image.includes('/server:'));
    expect(set).toContain('MODEL_PATH');
    expect(VARIABLE_NAMES).toEqual(expect.arrayContaining(set));
  });

  it('of the router container are read by the router', () => {
    const set = variables('namespace', () => true);
    expect(set).toContain('STATE_DIR');
    for (const name of set) expect(routerHelp()).toMatch(new RegExp(`^ +${name} `, 'm'));
  });
});

describe('reasons', () => {
  it('of slipway-fetch are in the catalogue of conditions', () => {
    expect(Object.keys(REASONS)).toEqual(expect.arrayContaining(Object.keys(FAILURES)));
  });
});
