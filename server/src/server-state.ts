// Owns what the server says of itself: one state out of what its models are in. PURE: the same facts always give the same words.
// Used by /state, /health and /health/ready, so that they can never disagree.
import { ServerState as ServerStateSchema, type ModelState, type ServerState } from '@slipway/api';
import { present } from './inference/optional.ts';

export interface Facts {
  models: readonly ModelState[];
  /** Models that are loaded by their next call, or being loaded for it. */
  lazy: ReadonlySet<string>;
  /** Models whose workers are all gone. */
  lost: ReadonlySet<string>;
  /** Why nothing could be listed at the start. */
  startFault: { reason: string; message: string } | undefined;
  /** The first listing is done. */
  started: boolean;
  draining: boolean;
  behindRouter: boolean;
  backend: string | undefined;
  threads: number;
  memoryBytes: number;
}

export const modelKey = (model: Pick<ModelState, 'name' | 'version'>): string => `${model.name}@${model.version}`;

export function serverState(facts: Facts): ServerState {
  const { models, draining } = facts;
  const judged = judge(facts);
  const only = models.length === 1 ? models[0] : undefined;
  return ServerStateSchema.parse({
    ...judged,
    phase: draining ? 'Draining' : judged.phase,
    ...present({ digest: only?.digest, modelVersion: only?.version, backend: facts.backend }),
    threads: facts.threads,
    memoryBytes: facts.memoryBytes,
    models: [...models],
  });
}

type Judgement = Pick<ServerState, 'phase' | 'reason' | 'message'>;

/** Behind a router every model must be ready; alone, one that fails takes no other down. */
function judge(facts: Facts): Judgement {
  const { models, startFault } = facts;
  if (startFault !== undefined && models.length === 0) return { phase: 'Failed', ...startFault };
  /** Whether these models being unable to serve makes the whole server unable to. */
  const blocking = (some: readonly ModelState[]): boolean => some.length > 0 && (facts.behindRouter || some.length === models.length);
  const failed = models.filter((model) => model.phase === 'Failed');
  if (blocking(failed)) return faultOf(failed);
  const moving = models.find((model) => !settled(model, facts));
  if (moving !== undefined) return { phase: moving.phase === 'WarmingUp' ? 'WarmingUp' : 'Loading' };
  const lost = models.filter((model) => facts.lost.has(modelKey(model)));
  if (blocking(lost)) return { phase: 'Failed', reason: 'CrashLoop', message: `the workers of ${lost.map(modelKey).join(', ')} ended and are being started again` };
  return { phase: facts.started ? 'Ready' : 'Starting' };
}

const settled = (model: ModelState, facts: Facts): boolean => model.phase === 'Ready' || model.phase === 'Failed' || model.phase === 'Unloading' || facts.lazy.has(modelKey(model));

function faultOf(failed: readonly ModelState[]): Judgement {
  const message = failed.map((model) => `${modelKey(model)}: ${model.message ?? 'unknown'}`).join('; ');
  return { phase: 'Failed', reason: failed[0]?.reason ?? 'ModelParseFailed', message };
}
