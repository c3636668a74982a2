// Owns InferenceService.spec as a whole: its parts, and the rules across them. Types, defaults, bounds, descriptions and
// CEL rules live in one place each. Must not know how any of it is carried out. A field enters with the code that honours it.
import { z } from 'zod';
import { doc, kube } from '../meta.ts';
import { ModelSpec } from './model.ts';
import { PodTemplateSpec } from './pod-template.ts';
import { RolloutSpec } from './rollout.ts';
import { ResourcesSpec, RuntimeSpec } from './runtime.ts';
import { MonitoringSpec, TrafficSpec } from './traffic.ts';

export * from './model.ts';
export * from './pod-template.ts';
export * from './rollout.ts';
export * from './runtime.ts';
export * from './traffic.ts';

export const InferenceServiceSpec = kube(
  z.object({
    model: ModelSpec,
    runtime: RuntimeSpec.optional(),
    resources: ResourcesSpec.optional(),
    podTemplate: PodTemplateSpec.optional(),
    replicas: doc(z.int().min(0).max(1000).default(1), 'Serving pods of the stable revision. Autoscalers write it through /scale.'),
    rollout: RolloutSpec.prefault({}),
    traffic: TrafficSpec.prefault({}),
    monitoring: MonitoringSpec.prefault({}),
  }),
  {
    description: 'What to serve and how.',
    cel: [
      {
        rule: '!has(self.runtime) || !(has(self.model.format) || has(self.model.warmup) || has(self.model.batching) || has(self.model.cache) || has(self.model.isolation) || has(self.model.allowHandlers) || has(self.model.v1Dialect))',
        message: "model.format, model.warmup, model.batching, model.cache, model.isolation, model.allowHandlers and model.v1Dialect are for Slipway's own server; with runtime, remove them and use runtime.args or runtime.env",
      },
      {
        rule: '!has(self.model.batching) || duration(self.model.batching.maxDelay) < duration(self.traffic.timeout)',
        message: 'model.batching.maxDelay must be shorter than traffic.timeout, else requests time out while they wait for a batch',
      },
    ],
  },
);
export type InferenceServiceSpec = z.infer<typeof InferenceServiceSpec>;
