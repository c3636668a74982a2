// npm run bench: Slipway beside other model servers and beside floors. One visible list of its sections; each keeps its results in a file,
// so that a long bench can run in pieces and be printed as one.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { interruption, runCommand } from '../../tools/command.ts';
import { ensureTensorFlow } from '../../tools/tensorflow/setup.ts';
import { stopAll } from './processes.ts';
import { tablesOf } from './report.ts';
import { v2Request } from './requests.ts';
import { save, saved, type Results } from './results.ts';
import { bareLoops, closedLoops, framings, openLoops, withWords, type Bench } from './sections/load.ts';
import { manyModels } from './sections/many.ts';
import { coldStarts } from './sections/cold.ts';
import { delays, steadyMemory } from './sections/process.ts';
import { reloads } from './sections/reload.ts';
import { HELP, SECTIONS, settingsOf, type Section } from './settings.ts';
import { verdictTable } from './verdicts.ts';

const RUN: Record<Section, (bench: Bench) => Promise<Omit<Results, 'how'>>> = {
  'mlp-json': async (bench) => ({ bare: bareLoops(bench, 'mlp', [1, 32]), rows: await closedLoops(bench, { work: 'mlp', wire: 'json' }, [1, 8, 32, 128]) }),
  'mlp-open': async (bench) => ({ rows: await openLoops(bench, { work: 'mlp', wire: 'json' }) }),
  'mlp-binary': async (bench) => ({ rows: await closedLoops(bench, { work: 'mlp', wire: 'binary' }, [1, 32]) }),
  'mlp-grpc': async (bench) => ({ rows: await closedLoops(bench, { work: 'mlp', wire: 'grpc' }, [1, 8, 32, 128]), framing: await framings(bench, v2Request('mlp', 'grpc'), [1, 32]) }),
  digits: async (bench) => ({ bare: bareLoops(bench, 'digits', [1, 32]), rows: [...(await closedLoops(bench, { work: 'digits', wire: 'json' }, [1, 32])), ...(await closedLoops(bench, { work: 'digits', wire: 'binary' }, [1, 32]))] }),
  mobilenet: async (bench) => ({ bare: bareLoops(bench, 'mobilenet', [1, 8]), rows: [...(await closedLoops(bench, { work: 'mobilenet', wire: 'json' }, [1, 8])), ...(await closedLoops(bench, { work: 'mobilenet', wire: 'binary' }, [1, 8]))] }),
  sentiment: async (bench) => ({ bare: bareLoops(bench, 'sentiment', [1, 32]), rows: await closedLoops(bench, { work: 'sentiment', wire: 'json' }, [1, 32]) }),
  delay: async (bench) => ({ delay: await delays(bench) }),
  cold: async (bench) => ({ cold: await coldStarts(bench) }),
  steady: async (bench) => ({ steady: await steadyMemory(bench) }),
  reload: async (bench) => ({ reload: await reloads(bench) }),
  many: async (bench) => ({ many: await manyModels(bench) }),
};

const signal = interruption();
signal.addEventListener('abort', () => void stopAll().finally(() => process.exit(130)));

await runCommand(signal, 'Interrupted.', async () => {
  const settings = settingsOf(process.argv.slice(2));
  if (settings === undefined) return void process.stdout.write(HELP);
  const root = path.resolve(import.meta.dirname, '..', '..');
  if (!settings.report) await ensureTensorFlow(root, { note: (line) => process.stderr.write(`  ${line}\n`), signal });
  const scratch = mkdtempSync(path.join(tmpdir(), 'slipway-bench-'));
  const bench: Bench = { settings, scratch, note: (line) => process.stderr.write(`  ${line}\n`) };
  try {
    for (const section of settings.report ? [] : settings.sections) {
      process.stderr.write(`${section}\n`);
      save(settings.out, section, withWords(settings, await RUN[section](bench)));
    }
  } finally {
    await stopAll();
    rmSync(scratch, { recursive: true, force: true });
  }
  const all = saved(settings.out, settings.report ? SECTIONS : settings.sections);
  process.stdout.write(`${[...tablesOf(all), ...verdictTable(saved(settings.out, SECTIONS))].join('\n')}\n`);
});
