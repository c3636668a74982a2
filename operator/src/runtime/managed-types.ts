// Owns the resource types the operator reads and writes, found by apiVersion and kind. Must not know names or contents.
import {
  CONFIG_MAPS,
  CONTROLLER_REVISIONS,
  DEPLOYMENTS,
  ENDPOINT_SLICES,
  NETWORK_POLICIES,
  PODS,
  POD_DISRUPTION_BUDGETS,
  ROLE_BINDINGS,
  SERVICES,
  SERVICE_ACCOUNTS,
  apiVersionOf,
} from '@slipway/kube';
import type { ResourceType } from '@slipway/kube';
import { GROUP, KIND, PLURAL, VERSION } from '@slipway/api';

export const INFERENCE_SERVICES: ResourceType = { group: GROUP, version: VERSION, kind: KIND, plural: PLURAL, namespaced: true };
export const SERVICE_MONITORS: ResourceType = { group: 'monitoring.coreos.com', version: 'v1', kind: 'ServiceMonitor', plural: 'servicemonitors', namespaced: true };
export const POD_MONITORS: ResourceType = { group: 'monitoring.coreos.com', version: 'v1', kind: 'PodMonitor', plural: 'podmonitors', namespaced: true };

/** Types whose objects the operator makes. */
export const CHILD_TYPES: readonly ResourceType[] = [
  CONTROLLER_REVISIONS,
  SERVICE_ACCOUNTS,
  ROLE_BINDINGS,
  CONFIG_MAPS,
  DEPLOYMENTS,
  SERVICES,
  POD_DISRUPTION_BUDGETS,
  NETWORK_POLICIES,
  SERVICE_MONITORS,
  POD_MONITORS,
];

/** Types that may be missing, broken or forbidden, and whose trouble holds nothing else up. */
const OPTIONAL_TYPES: readonly ResourceType[] = [SERVICE_MONITORS, POD_MONITORS];

export const isOptional = ({ kind }: { kind: string }): boolean => OPTIONAL_TYPES.some((type) => type.kind === kind);

const BY_NAME = new Map([...CHILD_TYPES, PODS, ENDPOINT_SLICES, INFERENCE_SERVICES].map((type) => [`${apiVersionOf(type)}/${type.kind}`, type]));

/** The type of an object. Throws RangeError for one the operator has no business with. */
export function typeOf(object: { apiVersion: string; kind: string }): ResourceType {
  const type = BY_NAME.get(`${object.apiVersion}/${object.kind}`);
  if (type === undefined) throw new RangeError(`${object.apiVersion} ${object.kind} is not a type the operator manages`);
  return type;
}
