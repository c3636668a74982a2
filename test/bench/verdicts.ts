// Owns the aims of the bench and whether what was found meets them. PURE.
import { middle, ratio, table } from './report.ts';
import type { Bare, Reload, Row, Saved } from './results.ts';

export interface Verdict {
  aim: string;
  measured: string;
  /** Undefined: not measured. */
  met: boolean | undefined;
}

const AT = 32;
const PEERS: readonly [name: string, times: number][] = [['mlserver', 10], ['kserve', 10], ['bentoml', 10], ['pytriton', 5]];
const OF_FASTIFY = 0.7;
const GRPC_TIMES = 3;
const FRAMING_TIMES = 1.5;
const OF_BARE = 0.7;
const ADDED_US = 500;
const DELAY_TIMES = 2;
const COLD_MS = 1500;
/** Memory may grow by this share over the second half of the calls. */
const FLAT = 0.03;
/** Memory may grow by this share from the first look, after twenty reloads, to the last. */
const RELOADS_MAY_ADD = 0.1;

type Check = (all: Saved) => { measured: string; met: boolean } | undefined;

const rowsOf = (all: Saved): Row[] => Object.values(all).flatMap(({ rows }) => rows ?? []);
const bareOf = (all: Saved): Bare[] => Object.values(all).flatMap(({ bare }) => bare ?? []);
const find = (all: Saved, wanted: Pick<Row, 'work' | 'wire' | 'concurrency' | 'name'>): Row | undefined =>
  rowsOf(all).find((row) => row.rate === undefined && row.work === wanted.work && row.wire === wanted.wire && row.concurrency === wanted.concurrency && row.name === wanted.name);

const json = (name: string, concurrency = AT): Pick<Row, 'work' | 'wire' | 'concurrency' | 'name'> => ({ work: 'mlp', wire: 'json', concurrency, name });

const faster = (peer: string, times: number): Check => (all) => {
  const [own, other] = [find(all, json('slipway'))?.figures, find(all, json(peer))?.figures];
  // A peer that answers nothing was not measured, whatever the ratio says.
  if (own === undefined || other === undefined || other.rate === 0) return undefined;
  const found = own.rate / other.rate;
  return { measured: `${ratio(found)} times; p99 ${(own.p99 / 1000).toFixed(1)} against ${(other.p99 / 1000).toFixed(1)} ms`, met: found >= times && own.p99 < other.p99 };
};

const ofFastify: Check = (all) => {
  const [own, floor] = [find(all, json('slipway'))?.figures, find(all, json('fastify'))?.figures];
  if (own === undefined || floor === undefined) return undefined;
  return { measured: `${ratio(own.rate / floor.rate)} (${ratio(own.perCpuSecond / floor.perCpuSecond)} per CPU second)`, met: own.rate / floor.rate >= OF_FASTIFY };
};

const grpcTimes: Check = (all) => {
  const at = (name: string): Row | undefined => find(all, { work: 'mlp', wire: 'grpc', concurrency: AT, name });
  const [own, other] = [at('slipway')?.figures, at('mlserver')?.figures];
  return own === undefined || other === undefined ? undefined : { measured: `${ratio(own.rate / other.rate)} times`, met: own.rate / other.rate >= GRPC_TIMES };
};

const framing: Check = (all) => {
  const found = Object.values(all).flatMap((results) => results.framing ?? []).filter(({ concurrency }) => concurrency === AT);
  const [own, other] = (['own', 'grpc-js'] as const).map((name) => found.find((one) => one.name === name)?.figures);
  return own === undefined || other === undefined ? undefined : { measured: `${ratio(own.perCpuSecond / other.perCpuSecond)} times`, met: own.perCpuSecond / other.perCpuSecond >= FRAMING_TIMES };
};

const images: Check = (all) => {
  const own = rowsOf(all).filter(({ work, name }) => work === 'mobilenet' && name === 'slipway').map(({ figures }) => figures.rate);
  const bare = bareOf(all).filter(({ work }) => work === 'mobilenet').map(({ rows }) => rows);
  if (own.length === 0 || bare.length === 0) return undefined;
  const found = Math.max(...own) / Math.max(...bare);
  return { measured: `${ratio(found)} (${Math.max(...own).toFixed(1)} of ${Math.max(...bare).toFixed(1)} images/s, each at its best)`, met: found >= OF_BARE };
};

const added: Check = (all) => {
  const own = find(all, json('slipway', 1))?.figures;
  const bare = bareOf(all).find(({ work, batch }) => work === 'mlp' && batch === 1);
  return own === undefined || bare === undefined ? undefined : { measured: `${((own.p50 - bare.p50) / 1000).toFixed(3)} ms`, met: own.p50 - bare.p50 < ADDED_US };
};

const delay: Check = (all) => {
  const [own, floor] = ['slipway', 'discards'].map((name) => all['delay']?.delay?.find((one) => one.name === name));
  return own === undefined || floor === undefined ? undefined : { measured: `${ratio(own.p99 / floor.p99)} times (${own.p99.toFixed(1)} to ${floor.p99.toFixed(1)} ms)`, met: own.p99 <= DELAY_TIMES * floor.p99 };
};

const cold: Check = (all) => {
  const warm = all['cold']?.cold?.find(({ what }) => what === 'page cache warm');
  return warm === undefined ? undefined : { measured: `${(middle(warm.ms) / 1000).toFixed(2)} s`, met: middle(warm.ms) < COLD_MS };
};

const flat: Check = (all) => {
  const memory = all['steady']?.steady?.memory ?? [];
  const [half, last] = [memory[Math.floor(memory.length / 2) - 1], memory.at(-1)];
  if (half === undefined || last === undefined) return undefined;
  return { measured: `${half.rssMib.toFixed(0)} MiB after half, ${last.rssMib.toFixed(0)} after all of ${last.calls}`, met: last.rssMib <= half.rssMib * (1 + FLAT) };
};

const reloadsOf = (all: Saved): Reload[] => all['reload']?.reload ?? [];

const reloadsFailed: Check = (all) => {
  const found = reloadsOf(all);
  const sum = (pick: (one: Reload) => number): number => found.reduce((total, one) => total + pick(one), 0);
  if (found.length === 0) return undefined;
  return { measured: `${sum(({ during }) => during.failed)} of ${sum(({ during }) => during.requests)} calls during ${sum(({ reloads }) => reloads)} reloads`, met: found.every(({ without, during }) => without.failed + during.failed === 0) };
};

const reloadsFlat: Check = (all) => {
  const ends = reloadsOf(all).map(({ work, memory }) => ({ work, first: memory[0], last: memory.at(-1) }));
  if (ends.length === 0 || ends.some(({ first, last }) => first === undefined || first === last)) return undefined;
  return { measured: ends.map(({ work, first, last }) => `${work} ${first?.rssMib.toFixed(0)} MiB after ${first?.reloads}, ${last?.rssMib.toFixed(0)} after ${last?.reloads}`).join('; '), met: ends.every(({ first, last }) => (last?.rssMib ?? 0) <= (first?.rssMib ?? 0) * (1 + RELOADS_MAY_ADD)) };
};

const AIMS: readonly [aim: string, check: Check][] = [
  ...PEERS.map(([name, times]): [string, Check] => [`MLP, JSON, 32 at once: at least ${times} times ${name}, at a lower p99`, faster(name, times)]),
  [`the same: at least ${OF_FASTIFY} of Fastify with a constant answer`, ofFastify],
  [`MLP, gRPC, 32 at once: at least ${GRPC_TIMES} times mlserver`, grpcTimes],
  [`own gRPC framing: at least ${FRAMING_TIMES} times grpc-js per CPU second`, framing],
  [`MobileNetV2: at least ${OF_BARE} of the bare runtime's images per second`, images],
  ['one call at a time: less than 0.5 ms over the bare runtime call', added],
  [`10 MB JSON bodies: event-loop delay p99 at most ${DELAY_TIMES} times that of discarding them`, delay],
  [`memory flat over the calls (second half: at most ${FLAT * 100} % more)`, flat],
  ['reloads at half load: no call fails', reloadsFailed],
  [`reloads: at most ${RELOADS_MAY_ADD * 100} % more memory after the last than after the first twenty`, reloadsFlat],
  ['start to ready with the sentiment model, page cache warm: below 1.5 s', cold],
];

export const verdictsOf = (all: Saved): Verdict[] => AIMS.map(([aim, check]) => ({ aim, measured: '', met: undefined, ...check(all) }));

export function verdictTable(all: Saved): string[] {
  const word = (met: boolean | undefined): string => (met === undefined ? 'not measured' : met ? 'met' : 'MISSED');
  return ['', '## aims', ...table(['aim', 'measured', ''], verdictsOf(all).map(({ aim, measured, met }) => [aim, measured, word(met)]))];
}
