// Owns the allocation of router ports in one namespace: two per InferenceService, never changed, not reused for ten minutes.
// Must not know objects beyond the ConfigMap's data. What an InferenceService already told its callers wins over a lost ConfigMap.
import { PORT_REUSE_DELAY_MS, PORTS, PORTS_KEY } from '@slipway/api';
import { z } from 'zod';
import type { KubeObject, ObservedNamespace, PortAllocation } from '../types.ts';

type Ports = { public: number; preview: number };

const port = z.number().int().min(1).max(65_535);
const Allocation = z.object({
  allocated: z.record(z.string(), z.object({ public: port, preview: port })),
  released: z.array(z.object({ port, at: z.number() })),
});

/** Reads the ConfigMap slipway-router-ports; nothing is allocated where it is missing or cannot be read. */
export function portAllocationOf(configMap: KubeObject | undefined): PortAllocation {
  const text = (configMap?.['data'] as Record<string, string> | undefined)?.[PORTS_KEY];
  try {
    const parsed = Allocation.safeParse(JSON.parse(text ?? ''));
    return parsed.success ? parsed.data : { allocated: {}, released: [] };
  } catch {
    return { allocated: {}, released: [] };
  }
}

/** The allocation for the InferenceServices there are now. Keeps every port that is in use; releases what nobody has any more. */
export function allocate({ at, isvcs, portsConfigMap }: Pick<ObservedNamespace, 'at' | 'isvcs' | 'portsConfigMap'>): PortAllocation {
  const before = portAllocationOf(portsConfigMap);
  const living = [...isvcs].sort((a, b) => (a.uid < b.uid ? -1 : 1));
  const kept = new Map<string, Ports>(living.flatMap(({ uid, ports }) => {
    const known = ports ?? before.allocated[uid];
    return known === undefined ? [] : [[uid, known]];
  }));
  const released = releasedAfter(before, new Set(kept.keys()), at);
  const used = new Set([...[...kept.values()].flatMap((each) => [each.public, each.preview]), ...released.map((each) => each.port)]);
  const free = freePorts(used);
  for (const { uid } of living) if (!kept.has(uid)) assign(kept, uid, free);
  return { allocated: Object.fromEntries(kept), released };
}

/** Without two free ports the InferenceService waits; it is never given somebody else's. */
function assign(kept: Map<string, Ports>, uid: string, free: Generator<number>): void {
  const [first, second] = [free.next(), free.next()];
  if (first.done !== true && second.done !== true) kept.set(uid, { public: first.value, preview: second.value });
}

function* freePorts(used: ReadonlySet<number>): Generator<number> {
  for (let each: number = PORTS.routerFirst; each <= PORTS.routerLast; each += 1) if (!used.has(each)) yield each;
}

function releasedAfter(before: PortAllocation, living: ReadonlySet<string>, at: number): PortAllocation['released'] {
  const gone = Object.entries(before.allocated).filter(([uid]) => !living.has(uid));
  const fresh = gone.flatMap(([, ports]) => [ports.public, ports.preview].map((each) => ({ port: each, at })));
  // A clock that was set back must not keep ports for ever.
  const still = before.released.map((each) => ({ ...each, at: Math.min(each.at, at) })).filter((each) => at - each.at < PORT_REUSE_DELAY_MS);
  return [...still, ...fresh].sort((a, b) => a.port - b.port);
}
