// Owns the only reads of a pass over one InferenceService: everything the plan may look at, in one value, with one clock reading.
// Must not decide.
import { InferenceService, InferenceServiceSpec, InferenceServiceStatus, ROUTER_PORTS_CONFIGMAP } from '@slipway/api';
import { CONFIG_MAPS } from '@slipway/kube';
import type { Clock, KubeObject } from '@slipway/kube';
import type { Failure, Observed } from '../types.ts';
import { BY_SERVICE } from './caches.ts';
import type { Caches } from './caches.ts';
import type { ClockSteps } from './clock-steps.ts';
import { allocatedIn } from './ports.ts';
import { isOwnedBy, observeRevisions } from './revisions.ts';
import type { RevisionSources } from './revisions.ts';
import { observeRouters } from './routers.ts';
import { straysOf } from './strays.ts';
import type { IsRecorded } from './strays.ts';
import type { AskRouter } from './routers.ts';

export interface ObserveOptions extends RevisionSources {
  clock: Clock;
  askRouter: AskRouter;
  isRecorded: IsRecorded;
  steps: ClockSteps;
  /** What the last pass over this generation could not write. */
  failuresOf: (key: string, generation: number) => Failure[];
}

/** Gathers everything about `namespace/name`; undefined when there is no such InferenceService. */
export type Observe = (key: string) => Promise<Observed | undefined>;

/** Stands in for a spec that cannot be read, so that the plan still has a whole value; it is told that it is not the user's. */
const unreadable = (): InferenceServiceSpec => InferenceServiceSpec.parse({ model: { storageUri: 'https://invalid.invalid/' } });

/** The InferenceService after defaulting, and what is wrong with its spec. Throws if the status, which only we write, cannot be read. */
function parse(raw: KubeObject): { isvc: InferenceService; invalid?: string } {
  const whole = InferenceService.safeParse(raw);
  if (whole.success) return { isvc: whole.data };
  const spec = InferenceServiceSpec.safeParse(raw['spec']);
  if (spec.success) throw whole.error;
  const status = InferenceServiceStatus.optional().parse(raw['status']);
  const isvc = InferenceService.parse({ ...raw, spec: unreadable(), status });
  return { isvc, invalid: spec.error.issues.map(({ path, message }) => `spec.${path.join('.')}: ${message}`).join('; ') };
}

function portsOf(caches: Caches, { metadata }: InferenceService): { public: number; preview: number } | undefined {
  return allocatedIn(caches.of(CONFIG_MAPS)?.get(metadata.namespace, ROUTER_PORTS_CONFIGMAP))?.[metadata.uid];
}

function childrenOf(caches: Caches, key: string, uid: string): Record<string, KubeObject> {
  const owned = caches.children().flatMap((collection) => collection.byIndex(BY_SERVICE, key).filter((object) => isOwnedBy(object, uid)));
  return Object.fromEntries(owned.map((object) => [`${object.kind}/${object.metadata.name}`, object]));
}

function apisOf({ serviceMonitors: { collection, trouble } }: Caches): Observed['apis'] {
  return { serviceMonitor: collection !== undefined, ...(trouble === undefined ? {} : { trouble }) };
}

/** The observer over the given caches. */
export function createObserve(options: ObserveOptions): Observe {
  const { caches, clock } = options;
  return async (key) => {
    const [namespace = '', name = ''] = key.split('/');
    const raw = caches.inferenceServices.get(namespace, name);
    if (raw === undefined) return undefined;
    const at = clock.now();
    const step = options.steps.since(key);
    const { isvc, invalid } = parse(raw);
    const ports = portsOf(caches, isvc);
    const [revisions, routers] = await Promise.all([observeRevisions(options, key, raw, at), observeRouters(options, isvc, at)]);
    const children = childrenOf(caches, key, isvc.metadata.uid);
    const strays = await straysOf({ caches, key, isvc, children, revisions }, options.isRecorded);
    return {
      at,
      ...(step === 0 ? {} : { clockStepMs: step }),
      isvc,
      ...(invalid === undefined ? {} : { invalid }),
      revisions,
      children,
      ...(strays.length === 0 ? {} : { strays }),
      ...(ports === undefined ? {} : { ports }),
      routers,
      apis: apisOf(caches),
      failures: options.failuresOf(key, isvc.metadata.generation),
    };
  };
}
