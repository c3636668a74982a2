// Owns the InferenceServices that the end-to-end tests apply, and what is read back from them. Must not know a cluster.
import type { Condition, InferenceService } from '@slipway/api';

type Json = Record<string, unknown>;

export interface IsvcInput {
  name: string;
  namespace: string;
  /** Path of a sample model in the router image, e.g. `sentiment/v1`. */
  model: string;
  replicas?: number;
  rollout?: Json;
  extra?: Json;
}

/** A manifest with small requests, so that several revisions fit a small machine. */
export function manifest(input: IsvcInput): Json {
  const [, version] = input.model.split('/');
  return {
    apiVersion: 'serving.slipway.dev/v1alpha1',
    kind: 'InferenceService',
    metadata: { name: input.name, namespace: input.namespace },
    spec: {
      model: { storageUri: `file:///models/${input.model}`, version },
      resources: { requests: { cpu: '50m', memory: '300Mi' }, limits: { memory: '1Gi' } },
      replicas: input.replicas ?? 1,
      ...(input.rollout === undefined ? {} : { rollout: input.rollout }),
      ...input.extra,
    },
  };
}

export function condition(isvc: InferenceService, type: string): Condition | undefined {
  return isvc.status?.conditions?.find((one) => one.type === type);
}

export const isTrue = (isvc: InferenceService, type: string): boolean =>
  condition(isvc, type)?.status === 'True' && condition(isvc, type)?.observedGeneration === isvc.metadata.generation;

/** One line for failures: phase, reason, step and conditions. */
export function describe(isvc: InferenceService): string {
  const conditions = (isvc.status?.conditions ?? []).map((one) => `${one.type}=${one.status}(${one.reason}: ${one.message})`);
  return `${isvc.status?.phase ?? 'no status'} ${JSON.stringify(isvc.status?.rollout ?? {})} ${JSON.stringify(isvc.status?.traffic ?? [])} ${conditions.join(' ')}`;
}

/** Acknowledged weight of the revision that answers as this model version. */
export function weightOf(isvc: InferenceService, version: string): number {
  return isvc.status?.traffic?.find((one) => one.modelVersion === version)?.weight ?? 0;
}
