// Sets up what groups need before they run: native TensorFlow, the programs of the cluster, the images. What cannot be set up is told
// per group; the others still run. It must not know how groups run.
import { ensurePrograms } from '../cluster/binaries.ts';
import type { ProgramName } from '../cluster/programs.ts';
import type { Progress } from '../progress.ts';
import { ensureTensorFlow } from '../tensorflow/setup.ts';
import type { Group } from './groups.ts';

/** What preparing needs. */
export interface PrepareContext { readonly root: string; readonly progress: Progress; readonly signal: AbortSignal }

/** Sets up everything; returns, by group name, why a group cannot run. */
export async function prepare(groups: readonly Group[], context: PrepareContext): Promise<Map<string, string>> {
  const missing = new Map<string, string>();
  const tensorflow = await tryStep(groups.some((group) => group.needs.tensorflow), () => setUpTensorFlow(context));
  const failed = new Map<ProgramName, string>();
  for (const program of new Set(groups.flatMap((group) => group.needs.programs ?? []))) {
    const reason = await tryStep(true, () => setUpProgram(program, context));
    if (reason !== undefined) failed.set(program, reason);
  }
  for (const { name, needs } of groups) {
    const program = needs.programs?.find((each) => failed.has(each));
    const reason = (needs.tensorflow ? tensorflow : undefined) ?? (program === undefined ? undefined : failed.get(program));
    if (reason !== undefined) missing.set(name, `not run: ${reason}`);
  }
  return missing;
}

/** Runs a step if it is needed; returns the first line of what went wrong. */
async function tryStep(needed: boolean, step: () => Promise<void>): Promise<string | undefined> {
  try {
    if (needed) await step();
    return undefined;
  } catch (error) {
    return (error as Error).message.split('\n', 1)[0] ?? 'failed';
  }
}

function setUpTensorFlow({ root, progress, signal }: PrepareContext): Promise<void> {
  return progress.step('tensorflow', async (note) => {
    const native = await ensureTensorFlow(root, { note, signal });
    return `${native.source}, ${native.ready ? 'ready' : 'set up'}`;
  });
}

function setUpProgram(name: ProgramName, { progress, signal }: PrepareContext): Promise<void> {
  return progress.step(name, async (note) => {
    let built = false;
    const report = (line: string): void => {
      built = true;
      note(line.replace(/^build\s+/, ''));
    };
    await ensurePrograms([name], { report, signal });
    return built ? 'built' : 'cached';
  });
}
