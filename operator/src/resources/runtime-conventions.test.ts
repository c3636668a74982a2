// Every row of the table, filled in for one InferenceService, as testdata/runtimes.out.yaml; and what holds for all of them.
// Refresh with: vitest run --project unit operator/src/resources -u
import { dump } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { InferenceServiceSpec, RUNTIME_PROTOCOLS, RUNTIMES } from '@slipway/api';
import type { RuntimeProtocol } from '@slipway/api';
import { resolveRuntime } from './runtime-conventions.ts';
import type { ResolvedRuntime } from './runtime-conventions.ts';

function resolved(protocol: RuntimeProtocol, version: string, more: Record<string, unknown> = {}): ResolvedRuntime {
  const spec = InferenceServiceSpec.parse({ model: { storageUri: 's3://models/pump/v3' }, runtime: { image: 'i:1', protocol, ...more } });
  const metadata = { name: 'pump', namespace: 'demo', uid: 'u', resourceVersion: '1', generation: 1, creationTimestamp: '2026-01-01T00:00:00Z' };
  if (spec.runtime === undefined) throw new Error('no runtime');
  return resolveRuntime({ isvc: { metadata, spec }, revision: 'pump-a', modelVersion: version, number: 12, images: { server: 's', fetch: 'f' } }, spec.runtime);
}

describe('the table of runtimes', () => {
  it('filled in', async () => {
    const rows = Object.fromEntries(RUNTIME_PROTOCOLS.map((protocol) => [protocol, resolved(protocol, 'v3')]));
    await expect(dump(rows, { lineWidth: 160, skipInvalid: true })).toMatchFileSnapshot('testdata/runtimes.out.yaml');
  });

  it.each(RUNTIME_PROTOCOLS)('%s has no text left to fill in, and ports of its own', (protocol) => {
    const row = resolved(protocol, 'v3');
    expect(JSON.stringify(row)).not.toMatch(/\{\w+\}/);
    const ports = [row.port, row.grpcPort].filter((port) => port !== undefined);
    expect(new Set(ports).size).toBe(ports.length);
  });

  it('explicit fields win', () => {
    const more = { port: 1, grpcPort: 2, readyPath: '/r', mountPath: '/m', args: [], metrics: { port: 3 } };
    expect(resolved('triton', 'v3', more)).toMatchObject({ port: 1, grpcPort: 2, ready: { path: '/r' }, mountPath: '/m', args: [], metrics: { port: 3, path: '/metrics' }, env: { MODEL_PATH: '/m' } });
  });

  it.each([
    ['v3', '/models/pump/3'],
    ['blue', '/models/pump/12'],
  ])('a version %s has the folder %s where folders are numbers', (version, folder) => {
    expect(resolved('tfserving', version).mountPath).toBe(folder);
  });

  it('the version that servers are told is the one that callers see', () => {
    expect(resolved('mlserver', 'blue').env['MLSERVER_MODEL_VERSION']).toBe('blue');
  });

  it('a path that the user gave is not a template', () => {
    expect(resolved('http', 'v3', { readyPath: '/{name}' }).ready).toEqual({ path: '/{name}' });
    expect(Object.keys(RUNTIMES)).toEqual([...RUNTIME_PROTOCOLS]);
  });
});
