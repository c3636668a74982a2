// Owns the question whether a namespace's routers may roll now: after an operator upgrade all want to, and only a few at a time shall.
// Pure. Must not know what changed.
import type { KubeObject } from '@slipway/kube';
import type { Deployment } from './shapes.ts';

/** True if everything the intent says is already so; what it leaves open does not matter. */
function contains(live: unknown, intent: unknown): boolean {
  if (typeof intent !== 'object' || intent === null) return live === intent;
  if (typeof live !== 'object' || live === null) return false;
  if (Array.isArray(intent)) return Array.isArray(live) && live.length === intent.length && intent.every((item, i) => contains(live[i], item));
  return Object.entries(intent).every(([key, value]) => contains((live as Record<string, unknown>)[key], value));
}

const templateOf = (deployment: KubeObject): unknown => (deployment['spec'] as { template?: unknown } | undefined)?.template;

function isRolling({ metadata, spec, status = {} }: Deployment): boolean {
  const { generation = 0 } = metadata;
  const { replicas: wanted = 1 } = spec;
  const { observedGeneration = 0, updatedReplicas = 0, readyReplicas = 0, replicas = 0 } = status;
  return observedGeneration < generation || Math.min(updatedReplicas, readyReplicas) < wanted || replicas > wanted;
}

/**
 * True if the intended routers may be applied: they are new, they would not roll, they are rolling already, or fewer than `limit` namespaces roll.
 * `routers`: the routers' Deployments of all namespaces.
 */
export function mayRoll(intent: KubeObject, routers: readonly Deployment[], limit: number): boolean {
  const isSame = ({ metadata }: KubeObject): boolean => metadata.namespace === intent.metadata.namespace && metadata.name === intent.metadata.name;
  const live = routers.find(isSame);
  if (live === undefined || isRolling(live) || contains(templateOf(live), templateOf(intent))) return true;
  return routers.filter((other) => !isSame(other) && isRolling(other)).length < limit;
}
