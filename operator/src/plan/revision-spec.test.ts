import { InferenceServiceSpec } from '@slipway/api';
import { describe, expect, it } from 'vitest';
import type { RevisionSpec } from '../types.ts';
import { canonical, hashOf, revisionSpecOf, stableJson } from './revision-spec.ts';

const spec = (over: Record<string, unknown> = {}): RevisionSpec => revisionSpecOf(InferenceServiceSpec.parse({ model: { storageUri: 'https://x/v1.zip' }, ...over }));
const model = (over: Record<string, unknown>): Record<string, unknown> => ({ model: { storageUri: 'https://x/v1.zip', ...over } });

describe('which specs are the same revision', () => {
  it.each<[string, Record<string, unknown>]>([
    ['replicas', { replicas: 7 }],
    ['the strategy', { rollout: { strategy: 'BlueGreen' } }],
    ['traffic', { traffic: { timeout: '5s' } }],
    ['monitoring', { monitoring: { serviceMonitor: { enabled: false } } }],
    ['an empty part', { podTemplate: {}, resources: {} }],
  ])('does not depend on %s', (_, over) => {
    expect(canonical(spec(over))).toBe(canonical(spec()));
  });

  it.each<[string, Record<string, unknown>]>([
    ['the model', model({ storageUri: 'https://x/v2.zip' })],
    ['its version', model({ version: 'v2' })],
    ['resources', { resources: { limits: { memory: '1Gi' } } }],
    ['the pod template', { podTemplate: { nodeSelector: { gpu: 'no' } } }],
    ['a deep part of it', { podTemplate: { affinity: { nodeAffinity: {} } } }],
    ['the runtime', { runtime: { image: 'mine:1' } }],
  ])('depends on %s', (_, over) => {
    expect(canonical(spec(over))).not.toBe(canonical(spec()));
  });

  it('puts in today\'s defaults on both sides: a record from before a default was there is still the same', () => {
    const recorded: RevisionSpec = { model: { storageUri: 'https://x/v1.zip', warmup: {} as { iterations: number } } };
    expect(canonical(recorded)).toBe(canonical(spec(model({ warmup: { iterations: 3 } }))));
  });

  it('fills in the port of the protocol: a record has the one that the schema gave once', () => {
    const recorded = { model: { storageUri: 'https://x/v1.zip' }, runtime: { image: 'mine:1', protocol: 'http', port: 8080 } } as RevisionSpec;
    expect(canonical(recorded)).toBe(canonical(spec({ runtime: { image: 'mine:1' } })));
    expect(canonical(recorded)).not.toBe(canonical(spec({ runtime: { image: 'mine:1', port: 8081 } })));
    expect(canonical(spec({ runtime: { image: 'mine:1', protocol: 'triton' } }))).toBe(canonical(spec({ runtime: { image: 'mine:1', protocol: 'triton', port: 8000 } })));
  });

  it('takes what today\'s schema cannot read as it is', () => {
    const odd = { model: { storageUri: 3 } } as unknown as RevisionSpec;
    expect(canonical(odd)).toBe(canonical(odd));
    expect(canonical(odd)).not.toBe(canonical(spec()));
  });

  it('gives other names to others, and another one when a name is taken', () => {
    const text = canonical(spec());
    expect(hashOf(text, 0)).toMatch(/^[0-9a-f]{10}$/);
    expect(hashOf(text, 1)).not.toBe(hashOf(text, 0));
  });

  it('does not depend on the order of keys', () => {
    expect(stableJson({ b: [1, { d: undefined, c: null }], a: 'x' })).toBe(stableJson({ a: 'x', b: [1, { c: null }] }));
    expect(stableJson({ b: [1, { d: undefined, c: null }], a: 'x' })).toBe('{"a":"x","b":[1,{"c":null}]}');
  });
});
