import { describe, expect, it } from 'vitest';
import { REASONS, type ModelState } from '@slipway/api';
import { serverState, type Facts } from './server-state.ts';

const model = (name: string, phase: ModelState['phase'], extra: Partial<ModelState> = {}): ModelState => ({ name, version: '1', phase, ...extra });
const facts = (models: ModelState[], extra: Partial<Facts> = {}): Facts => ({ models, lazy: new Set(), lost: new Set(), startFault: undefined, started: true, draining: false, behindRouter: false, backend: 'tensorflow', threads: 2, memoryBytes: 1, ...extra });
const failed = model('b', 'Failed', { reason: 'ModelParseFailed', message: 'saved_model.pb: bad' });

describe('the state of the server', () => {
  it.each([
    ['nothing listed yet', facts([], { started: false }), 'Starting'],
    ['nothing there', facts([], { startFault: { reason: 'ModelNotFound', message: 'empty' } }), 'Failed'],
    ['loading', facts([model('a', 'Loading')]), 'Loading'],
    ['warming up', facts([model('a', 'WarmingUp')]), 'WarmingUp'],
    ['one loads beside one that is ready', facts([model('a', 'Ready'), model('b', 'Loading')]), 'Loading'],
    ['ready', facts([model('a', 'Ready')]), 'Ready'],
    ['lazy', facts([model('a', 'Pending')], { lazy: new Set(['a@1']) }), 'Ready'],
    ['unloading', facts([model('a', 'Ready'), model('b', 'Unloading')]), 'Ready'],
    ['one of two failed, alone', facts([model('a', 'Ready'), failed]), 'Ready'],
    ['one of two failed, behind a router', facts([model('a', 'Ready'), failed], { behindRouter: true }), 'Failed'],
    ['all failed', facts([failed]), 'Failed'],
    ['all workers lost', facts([model('a', 'Ready')], { lost: new Set(['a@1']) }), 'Failed'],
    ['one of two without workers, alone', facts([model('a', 'Ready'), model('b', 'Ready')], { lost: new Set(['a@1']) }), 'Ready'],
    ['draining', facts([model('a', 'Ready')], { draining: true }), 'Draining'],
  ])('%s', (_what, given, phase) => {
    const state = serverState(given);
    expect(state.phase).toBe(phase);
    if (state.reason !== undefined) expect(Object.keys(REASONS)).toContain(state.reason);
  });

  it('names the first blocking cause and its file', () => {
    expect(serverState(facts([failed]))).toMatchObject({ reason: 'ModelParseFailed', message: 'b@1: saved_model.pb: bad' });
  });

  it('has the digest and version of a single model', () => {
    expect(serverState(facts([model('a', 'Ready', { digest: 'd' })]))).toMatchObject({ digest: 'd', modelVersion: '1' });
    expect(serverState(facts([model('a', 'Ready'), model('b', 'Ready')])).modelVersion).toBeUndefined();
  });
});
