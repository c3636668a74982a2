// Owns what is said of one version to whoever asks: /state, /models of the admin port. Must not change anything.
import type { ModelState } from '@slipway/api';
import { present } from '../inference/optional.ts';
import type { Entry } from './registry.ts';

export function stateOf(entry: Entry): ModelState {
  const { model } = entry;
  return {
    name: entry.name,
    version: entry.version,
    phase: entry.phase,
    ...present({ reason: entry.reason, message: entry.message, digest: entry.digest }),
    loaded: model !== undefined,
    ...(entry.wake === undefined ? {} : { lazy: true }),
    ...(model === undefined ? {} : { format: model.spec.format, workers: model.runner.workers, isolation: model.runner.isolation, bytes: model.runner.info.bytes * model.runner.workers, ...present({ threads: model.runner.threads }) }),
  };
}
