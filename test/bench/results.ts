// Owns what a bench found, as plain data that is kept in files: one per section, so that a long bench can run in pieces. Must not measure.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Figures } from './measure.ts';
import type { Wire, Work } from './requests.ts';

/** One contender under one load. */
export interface Row {
  work: Work;
  wire: Wire;
  /** Calls at once; in an open loop connections. */
  concurrency: number;
  /** Open loop: calls per second. */
  rate?: number;
  name: string;
  figures: Figures;
}

/** The runtime in a loop: calls and rows per second, microseconds of a call. */
export interface Bare {
  work: Work;
  batch: number;
  rate: number;
  rows: number;
  perCpuSecond: number;
  p50: number;
  p99: number;
}

export interface Framing {
  name: 'own' | 'grpc-js';
  concurrency: number;
  figures: Figures;
}

/** Milliseconds, by server. */
export interface Delay {
  name: string;
  p50: number;
  p99: number;
  max: number;
  bodies: number;
}

export interface Cold {
  what: string;
  /** Milliseconds to ready, of each start. */
  ms: number[];
}

export interface Steady {
  calls: number;
  /** Calls so far and resident MiB. */
  memory: { calls: number; rssMib: number }[];
}

/** An open loop: microseconds from the moment a call was due. */
export interface Steadily {
  requests: number;
  failed: number;
  p50: number;
  p99: number;
}

/** Reloads of one model beside calls. */
export interface Reload {
  work: Work;
  reloads: number;
  /** Calls per second. */
  rate: number;
  without: Steadily;
  /** The first one, which starts a further worker. */
  first?: Steadily;
  during: Steadily;
  /** The floor: beside processes that take as much CPU as the reloads took, and do nothing. */
  busy?: Steadily & { cpus: number };
  /** Milliseconds of each reload, from load to unloaded. */
  ms: number[];
  memory: { reloads: number; rssMib: number }[];
}

/** Copies of one small model in one server. */
export interface Many {
  work: Work;
  models: number;
  /** Milliseconds from the start of the process to all of them ready. */
  readyMs: number;
  /** After the calls. */
  rssMib: number;
  threads: number;
  /** Calls per second over all models, in turns. */
  rate: number;
}

export interface Results {
  /** How it was measured, in words. */
  how: string;
  rows?: Row[];
  bare?: Bare[];
  framing?: Framing[];
  delay?: Delay[];
  cold?: Cold[];
  steady?: Steady;
  reload?: Reload[];
  many?: Many[];
}

export type Saved = Record<string, Results>;

export function save(folder: string, section: string, results: Results): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, `${section}.json`), `${JSON.stringify(results, null, 1)}\n`);
}

/** Results of the sections that are there. */
export function saved(folder: string, sections: readonly string[]): Saved {
  const found = sections.filter((section) => existsSync(path.join(folder, `${section}.json`)));
  return Object.fromEntries(found.map((section) => [section, JSON.parse(readFileSync(path.join(folder, `${section}.json`), 'utf8')) as Results]));
}
