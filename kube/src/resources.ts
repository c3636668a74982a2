// Owns what a resource type is, the URL paths it has, and the built-in types this product touches.
// Must not know custom resources: their owners declare them where they use them.

export interface ResourceType {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

/** One object of a type. */
export interface ObjectRef {
  readonly type: ResourceType;
  readonly namespace?: string | undefined;
  readonly name: string;
}

const builtin = (group: string, version: string, kind: string, plural: string): ResourceType => ({ group, version, kind, plural, namespaced: true });

export const CONFIG_MAPS = builtin('', 'v1', 'ConfigMap', 'configmaps');
export const PODS = builtin('', 'v1', 'Pod', 'pods');
export const SERVICES = builtin('', 'v1', 'Service', 'services');
export const SERVICE_ACCOUNTS = builtin('', 'v1', 'ServiceAccount', 'serviceaccounts');
export const EVENTS = builtin('events.k8s.io', 'v1', 'Event', 'events');
export const DEPLOYMENTS = builtin('apps', 'v1', 'Deployment', 'deployments');
export const CONTROLLER_REVISIONS = builtin('apps', 'v1', 'ControllerRevision', 'controllerrevisions');
export const POD_DISRUPTION_BUDGETS = builtin('policy', 'v1', 'PodDisruptionBudget', 'poddisruptionbudgets');
export const NETWORK_POLICIES = builtin('networking.k8s.io', 'v1', 'NetworkPolicy', 'networkpolicies');
export const ROLE_BINDINGS = builtin('rbac.authorization.k8s.io', 'v1', 'RoleBinding', 'rolebindings');
export const ENDPOINT_SLICES = builtin('discovery.k8s.io', 'v1', 'EndpointSlice', 'endpointslices');
export const LEASES = builtin('coordination.k8s.io', 'v1', 'Lease', 'leases');
export const NODES: ResourceType = { group: '', version: 'v1', kind: 'Node', plural: 'nodes', namespaced: false };
export const NAMESPACES: ResourceType = { group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false };
export const CUSTOM_RESOURCE_DEFINITIONS: ResourceType = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
};

/** `apiVersion` of a type: `v1` or `apps/v1`. */
export const apiVersionOf = (type: ResourceType): string => (type.group === '' ? type.version : `${type.group}/${type.version}`);

/** URL path of a group and version, where discovery lists its resources. */
export const groupVersionPath = (group: string, version: string): string => (group === '' ? `/api/${version}` : `/apis/${group}/${version}`);

/** URL path of a collection: of one namespace, or of all when none is given. */
export function collectionPath(type: ResourceType, namespace?: string): string {
  const scope = type.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${groupVersionPath(type.group, type.version)}${scope}/${type.plural}`;
}

/** URL path of one object or its subresource. Throws RangeError if a namespaced object comes without a namespace. */
export function objectPath(ref: ObjectRef, subresource?: string): string {
  if (ref.type.namespaced && ref.namespace === undefined) throw new RangeError(`${ref.type.kind} ${ref.name} needs a namespace`);
  const path = `${collectionPath(ref.type, ref.namespace)}/${encodeURIComponent(ref.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}
