// Owns reading, from the pod template of a Deployment, what people need beside the scheduler's or the kernel's words: what was asked for and
// what was allowed. Must not judge.
import type { KubeObject } from '../types.ts';
import { quantityOf, quantityText } from './quantity.ts';

interface Container {
  name: string;
  resources?: { requests?: Record<string, string | number>; limits?: Record<string, string | number> };
}

interface PodSpec {
  nodeSelector?: Record<string, string>;
  affinity?: object;
  initContainers?: Container[];
  containers?: Container[];
}

function podSpecOf(deployment: KubeObject): PodSpec {
  const spec = deployment['spec'] as { template?: { spec?: PodSpec } } | undefined;
  return spec?.template?.spec ?? {};
}

/** The limit of a container as it was written, undefined without one. */
export function limitOf(deployment: KubeObject, container: string, resource: string): string | undefined {
  const { initContainers = [], containers = [] } = podSpecOf(deployment);
  const limit = [...containers, ...initContainers].find((each) => each.name === container)?.resources?.limits?.[resource];
  return limit === undefined ? undefined : String(limit);
}

/** What the scheduler has to find room for: `cpu=100m memory=4Gi and 1 sidecar on a node with pool=gpu`. */
export function placementWords(deployment: KubeObject): string {
  const { containers = [], nodeSelector = {}, affinity } = podSpecOf(deployment);
  const [server, ...sidecars] = containers;
  const asked = requestWords(server);
  const beside = sidecars.length === 0 ? '' : ` and ${sidecars.length} sidecar${sidecars.length === 1 ? '' : 's'}`;
  const where = pairs(nodeSelector);
  return `${asked}${beside}${where === '' ? '' : ` on a node with ${where}`}${affinity === undefined ? '' : ' with affinity'}`;
}

function requestWords(server: Container | undefined): string {
  const { requests, limits } = server?.resources ?? {};
  const asked = pairs(requests ?? limits ?? {});
  return asked === '' ? 'no resources' : asked;
}

/** How much of what the scheduler lacks is missing on the node that has the most of it. */
export function shortageWords(deployment: KubeObject, said: string, room: Readonly<Record<string, number>> = {}): string {
  const lacking = [...said.matchAll(/Insufficient ([\w./-]*\w)/g)].map(([, resource = '']) => resource);
  const short = [...new Set(lacking)].flatMap((resource) => {
    const missing = askedOf(deployment, resource) - (room[resource] ?? Infinity);
    return missing > 0 ? [`${quantityText(missing, resource)} of ${resource}`] : [];
  });
  return short.length === 0 ? '' : ` (short by ${short.join(', ')} on the node with the most free)`;
}

/** What all containers together ask for, or an init container if that is more. */
function askedOf(deployment: KubeObject, resource: string): number {
  const { initContainers = [], containers = [] } = podSpecOf(deployment);
  const amount = ({ resources = {} }: Container): number => quantityOf(resources.requests?.[resource] ?? resources.limits?.[resource] ?? 0);
  return Math.max(containers.reduce((sum, each) => sum + amount(each), 0), ...initContainers.map(amount));
}

const pairs = (values: Readonly<Record<string, string | number>>): string => Object.entries(values).map(([name, value]) => `${name}=${value}`).join(' ');
