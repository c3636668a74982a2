// Owns what the bench is told by its user. Must not measure.
import path from 'node:path';
import { parseArgs } from 'node:util';

export const SECTIONS = ['mlp-json', 'mlp-open', 'mlp-binary', 'mlp-grpc', 'digits', 'mobilenet', 'sentiment', 'delay', 'cold', 'steady', 'reload', 'many'] as const;
export type Section = (typeof SECTIONS)[number];

export interface Settings {
  sections: readonly Section[];
  /** Names of contenders; undefined = all. */
  only: readonly string[] | undefined;
  /** Calls at once; undefined = as each section has them. */
  at: readonly number[] | undefined;
  rounds: number;
  seconds: number;
  warmup: number;
  /** Calls of the section `steady`. */
  calls: number;
  /** Reloads of each model in the section `reload`. */
  reloads: number;
  emptyPageCache: boolean;
  out: string;
  /** Only print what was measured before. */
  report: boolean;
}

export const HELP = `usage: npm run bench [-- OPTIONS]     Slipway beside other model servers and beside floors, in one run

  --sections LIST   of ${SECTIONS.join(', ')}; default all
  --only LIST       contenders: slipway, slipway/predict, slipway/serving, fastify, mlserver, kserve, bentoml, pytriton; default all
  --at LIST         concurrencies; default those of each section
  --no-peers        none that is Python
  --rounds N        rounds, in which the contenders take turns; medians are printed [3]
  --seconds N       of one measurement [3]
  --calls N         calls of the section steady: memory is told after every twentieth of them [1000000]
  --reloads N       reloads of each model in the section reload [200]
  --empty-page-cache  cold: also with the page cache empty; root only, and it slows down everything else on the machine for a while
  --quick           one round of one second, 50,000 calls, 40 reloads
  --out FOLDER      where results are kept, a file per section, so that a long bench can run in pieces [dist/bench]
  --report          prints what the folder holds and measures nothing

Peers are installed into the cache the first time (pip, about 2 GB). Everything runs on loopback. Figures count on a quiet machine only.
`;

const list = (text: string | undefined): string[] | undefined => text?.split(',').map((item) => item.trim()).filter(Boolean);
const count = (text: string | undefined, usual: number): number => Number(text ?? usual);
const FULL = { rounds: 3, seconds: 3, warmup: 1, calls: 1_000_000, reloads: 200 } as const;
const QUICK = { rounds: 1, seconds: 1, warmup: 0.5, calls: 50_000, reloads: 40 } as const;
const PEERLESS = ['slipway', 'slipway/predict', 'slipway/serving', 'fastify'];

/** Undefined where help was asked for. @throws Error for what there is not */
export function settingsOf(args: string[]): Settings | undefined {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const { values } = parseArgs({ args, options: { sections: text, only: text, at: text, 'no-peers': flag, 'empty-page-cache': flag, rounds: text, seconds: text, calls: text, reloads: text, quick: flag, out: text, report: flag, help: { ...flag, short: 'h' } } });
  if (values.help === true) return undefined;
  const usual = values.quick === true ? QUICK : FULL;
  return {
    sections: sectionsOf(list(values.sections)),
    only: list(values.only) ?? (values['no-peers'] === true ? PEERLESS : undefined),
    at: list(values.at)?.map(Number),
    rounds: count(values.rounds, usual.rounds),
    seconds: count(values.seconds, usual.seconds),
    warmup: usual.warmup,
    calls: count(values.calls, usual.calls),
    reloads: count(values.reloads, usual.reloads),
    emptyPageCache: values['empty-page-cache'] === true,
    out: path.resolve(values.out ?? path.join(import.meta.dirname, '..', '..', 'dist', 'bench')),
    report: values.report === true,
  };
}

function sectionsOf(asked: readonly string[] | undefined): Section[] {
  const unknown = asked?.find((section) => !(SECTIONS as readonly string[]).includes(section));
  if (unknown !== undefined) throw new Error(`there is no section ${unknown}; there are ${SECTIONS.join(', ')}`);
  return SECTIONS.filter((section) => asked?.includes(section) ?? true);
}
