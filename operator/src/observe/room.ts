// Owns asking how much room the nodes have left, so that "Insufficient memory" can be told with a number. Asked only while a pod finds no
// node, seldom, and only of clusters small enough for two short lists; elsewhere, and without the right to see nodes, it stays unknown.
import { NODES, PODS } from '@slipway/kube';
import type { Client, Clock, KubeObject } from '@slipway/kube';
import type { PodFacts } from '../types.ts';
import { quantityOf } from '../status/index.ts';

/** The pods of a revision, those that find no node with the most that any one node has free. */
export type WithRoom = (pods: readonly PodFacts[]) => Promise<PodFacts[]>;

type Amounts = Record<string, number>;
type Quantities = Readonly<Record<string, string | number>>;

interface Node extends KubeObject {
  spec?: { unschedulable?: boolean };
  status?: { allocatable?: Quantities };
}

interface Container {
  resources?: { requests?: Quantities };
}

interface Placed extends KubeObject {
  spec?: { nodeName?: string; containers?: Container[]; initContainers?: Container[] };
}

const KEPT_MS = 30_000;
const NODES_AT_MOST = 50;
const PODS_AT_MOST = 1_000;
/** Everything that takes room on a node. */
const PLACED = 'spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed';

const amounts = (quantities: Quantities = {}): Amounts => Object.fromEntries(Object.entries(quantities).map(([resource, text]) => [resource, quantityOf(text)]));

function combine(all: readonly Amounts[], with_: (a: number, b: number) => number): Amounts {
  const total: Amounts = {};
  for (const [resource, amount] of all.flatMap((each) => Object.entries(each))) total[resource] = with_(total[resource] ?? 0, amount);
  return total;
}

const sum = (a: number, b: number): number => a + b;
const requestsOf = (containers: readonly Container[] = []): Amounts[] => containers.map(({ resources }) => amounts(resources?.requests));

/** Containers run side by side, init containers one after another before them. */
const takenBy = ({ spec }: Placed): Amounts => combine([combine(requestsOf(spec?.containers), sum), ...requestsOf(spec?.initContainers)], Math.max);

/** For each resource the most that one node has free; it may be another node for each. */
export function roomIn(nodes: readonly Node[], pods: readonly Placed[]): Amounts {
  const byNode = Map.groupBy(pods, ({ spec }) => spec?.nodeName ?? '');
  const free = nodes
    .filter(({ spec }) => spec?.unschedulable !== true)
    .map(({ metadata, status }) => {
      const taken = combine((byNode.get(metadata.name) ?? []).map(takenBy), sum);
      return Object.fromEntries(Object.entries(amounts(status?.allocatable)).map(([resource, all]) => [resource, Math.max(0, all - (taken[resource] ?? 0))]));
    });
  return combine(free, Math.max);
}

async function ask(client: Client): Promise<Amounts | undefined> {
  const nodes = await client.list<Node>(NODES, { limit: NODES_AT_MOST });
  if (nodes.metadata.continue) return undefined;
  const pods = await client.list<Placed>(PODS, { fieldSelector: PLACED, limit: PODS_AT_MOST });
  return pods.metadata.continue ? undefined : roomIn(nodes.items, pods.items);
}

/** Asks the API server; what it does not tell stays unknown. */
export function createWithRoom(client: Client, clock: Clock): WithRoom {
  let kept: { until: number; answer: Promise<Amounts | undefined> } | undefined;
  const room = (): Promise<Amounts | undefined> => {
    const now = clock.monotonic();
    if (kept === undefined || kept.until <= now) kept = { until: now + KEPT_MS, answer: ask(client).catch(() => undefined) };
    return kept.answer;
  };
  return async (pods) => {
    if (!pods.some(({ unschedulable }) => unschedulable?.includes('Insufficient'))) return [...pods];
    const free = await room();
    return pods.map((pod) => (free === undefined || pod.unschedulable === undefined ? pod : { ...pod, room: free }));
  };
}
