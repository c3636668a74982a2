// Owns the decision of one pass for one namespace: its routers and its ports. Pure and total.
// Must not know rollouts. The routers go with the last InferenceService; nothing is made in a terminating namespace.
import { NETWORK_POLICY_NAMES, PORT_REUSE_DELAY_MS } from '@slipway/api';
import { routerDeploymentFor, routerPdbFor, routerPodMonitorFor, routerPortsConfigMapFor, routerNetworkPolicyFor, routerRoleBindingFor, routerServiceAccountFor, serverNetworkPolicyFor } from '../resources/index.ts';
import type { Intent, NamespaceConfig, NamespacePlan, ObservedNamespace, PortAllocation } from '../types.ts';
import { allocate, portAllocationOf } from './ports.ts';
import { refOf } from './prune.ts';
import { stableJson } from './revision-spec.ts';

const DEFAULT_TIMEOUT_SECONDS = 60;

/** Router objects and port allocation of the namespace as they shall be now. */
export function planForNamespace(observed: ObservedNamespace, config: NamespaceConfig): NamespacePlan {
  if (observed.terminating) return { objects: [], prune: [] };
  const wanted = observed.isvcs.filter((each) => !each.deleting);
  if (observed.isvcs.length === 0) return emptied(observed);
  const allocation = allocate(observed);
  const objects = [portsIntent(observed, allocation), ...(wanted.length === 0 ? [] : routerIntents(observed, config))];
  return { objects, prune: config.networkPolicy === undefined ? formerPolicies(observed) : [], ...wakeFor(allocation) };
}

/** What an operator with another setting made. */
const formerPolicies = ({ children }: ObservedNamespace): NamespacePlan['prune'] =>
  Object.values(NETWORK_POLICY_NAMES).flatMap((name) => children[`NetworkPolicy/${name}`] ?? []).flatMap(refOf);

/** The routers go. The allocation stays while ports must not be reused, then goes too. */
function emptied(observed: ObservedNamespace): NamespacePlan {
  const prune = Object.values(observed.children).flatMap(refOf);
  if (observed.portsConfigMap === undefined) return { objects: [], prune };
  const allocation = allocate(observed);
  if (allocation.released.length === 0) return { objects: [], prune: [...prune, ...refOf(observed.portsConfigMap)] };
  return { objects: [portsIntent(observed, allocation)], prune, ...wakeFor(allocation) };
}

/** Written from the version that was read: two passes never give one port to two. An unchanged allocation keeps its text. */
function portsIntent({ namespace, portsConfigMap }: ObservedNamespace, allocation: PortAllocation): Intent {
  const before = portAllocationOf(portsConfigMap);
  const same = stableJson(before) === stableJson(allocation);
  const version = portsConfigMap?.metadata.resourceVersion;
  return { object: routerPortsConfigMapFor(namespace, same ? before : allocation), ...(version === undefined ? {} : { resourceVersion: version }) };
}

function routerIntents({ namespace, apis, isvcs }: ObservedNamespace, config: NamespaceConfig): Intent[] {
  const longest = Math.max(...isvcs.map((each) => each.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS));
  const objects = [
    routerServiceAccountFor(namespace),
    routerRoleBindingFor(namespace, config.routerClusterRole),
    routerDeploymentFor(namespace, config, longest),
    routerPdbFor(namespace),
    ...(apis.podMonitor ? [routerPodMonitorFor(namespace)] : []),
    ...policiesFor(namespace, config.networkPolicy),
  ];
  return objects.map((object) => ({ object }));
}

const policiesFor = (namespace: string, peers: NamespaceConfig['networkPolicy']): Intent['object'][] =>
  peers === undefined ? [] : [serverNetworkPolicyFor(namespace, peers), routerNetworkPolicyFor(namespace, peers)];

/** When the next port may be given out again. */
function wakeFor({ released }: PortAllocation): Pick<NamespacePlan, 'wakeAt'> {
  return released.length === 0 ? {} : { wakeAt: Math.min(...released.map((each) => each.at)) + PORT_REUSE_DELAY_MS };
}
