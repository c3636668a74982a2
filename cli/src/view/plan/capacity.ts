// Owns what pods need and whether a ResourceQuota has it: cores, bytes, pods. Must not know rollouts.
import { quantityOf } from '../../../../operator/src/status/index.ts';
import type { KubeObject, RevisionRecord } from '../../../../operator/src/plan/index.ts';

/** Amounts by the names that quotas use: pods, requests.cpu, limits.memory ... */
export type Amounts = Record<string, number>;

interface Container { resources?: { requests?: Record<string, string | number>; limits?: Record<string, string | number> } }
interface PodSpec { containers?: Container[]; initContainers?: Container[] }

export const podTemplateOf = ({ deployment }: RevisionRecord): { metadata?: object; spec: PodSpec } => (deployment['spec'] as { template: { metadata?: object; spec: PodSpec } }).template;

function amountsOf({ resources = {} }: Container): Amounts {
  const limits = Object.entries(resources.limits ?? {}).map(([name, amount]): [string, number] => [`limits.${name}`, quantityOf(amount)]);
  // A limit without a request is the request too, as the API server has it.
  const requests = Object.entries({ ...resources.limits, ...resources.requests }).map(([name, amount]): [string, number] => [`requests.${name}`, quantityOf(amount)]);
  return Object.fromEntries([...limits, ...requests]);
}

/** Without what binary fractions add: three times 100m are 300m. */
const exact = (amount: number): number => Math.round(amount * 1e9) / 1e9;

function combined(all: readonly Amounts[], join: (a: number, b: number) => number): Amounts {
  const total: Amounts = {};
  for (const [name, amount] of all.flatMap((each) => Object.entries(each))) total[name] = exact(join(total[name] ?? 0, amount));
  return total;
}

/** One pod of a revision: its containers together, or an init container if that is more. */
export function podAmounts(record: RevisionRecord): Amounts {
  const { containers = [], initContainers = [] } = podTemplateOf(record).spec;
  const together = combined(containers.map(amountsOf), (a, b) => a + b);
  return { pods: 1, ...combined([together, ...initContainers.map(amountsOf)], Math.max) };
}

/** Everything that those pods need. */
export function neededBy(pods: Readonly<Record<string, number>>, records: Readonly<Record<string, RevisionRecord>>): Amounts {
  const all = Object.entries(pods).flatMap(([name, count]) => {
    const record = records[name];
    return record === undefined ? [] : [Object.fromEntries(Object.entries(podAmounts(record)).map(([resource, amount]) => [resource, exact(amount * count)]))];
  });
  return combined(all, (a, b) => a + b);
}

/** The most of each at any of those times. */
export const peakOf = (all: readonly Amounts[]): Amounts => combined(all, Math.max);

export interface QuotaLine {
  quota: string;
  resource: string;
  used: number;
  /** More than now, at the peak. */
  more: number;
  hard: number;
  allowed: boolean;
}

interface Quota extends KubeObject {
  spec?: { hard?: Record<string, string>; scopes?: string[]; scopeSelector?: object };
  status?: { hard?: Record<string, string>; used?: Record<string, string> };
}

/** `cpu` and `memory` of a quota mean the requests; objects are counted under two names. */
const nameIn = (resource: string): string => ({ cpu: 'requests.cpu', memory: 'requests.memory', 'ephemeral-storage': 'requests.ephemeral-storage', 'count/pods': 'pods' })[resource] ?? resource;

/** What each quota says to the peak. Quotas with scopes count only some pods and are left out. */
export function quotaLines(quotas: readonly KubeObject[], now: Amounts, peak: Amounts): QuotaLine[] {
  const whole = (quotas as readonly Quota[]).filter(({ spec }) => (spec?.scopes ?? []).length === 0 && spec?.scopeSelector === undefined);
  return whole.flatMap(({ metadata, spec, status }) => Object.entries(status?.hard ?? spec?.hard ?? {}).flatMap(([resource, limit]) => {
    const name = nameIn(resource);
    const more = (peak[name] ?? 0) - (now[name] ?? 0);
    if (peak[name] === undefined) return [];
    const used = quantityOf(status?.used?.[resource] ?? 0);
    const hard = quantityOf(limit);
    return [{ quota: metadata.name, resource, used, more: Math.max(0, more), hard, allowed: more <= 0 || used + more <= hard }];
  }));
}
