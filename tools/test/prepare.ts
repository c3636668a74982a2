// Sets up what groups need before they run: native TensorFlow, the clients' Python environments, the programs of the cluster, the images. What cannot be set up is told
// per group; the others still run. It must not know how groups run.
import { ENVIRONMENTS, ensureEnvironment } from '../clients/environments.ts';
import { ensurePrograms } from '../cluster/binaries.ts';
import { choose } from '../cluster/choose.ts';
import type { ProgramName } from '../cluster/programs.ts';
import { buildImages } from '../images/build.ts';
import type { Progress } from '../progress.ts';
import { ensureTensorFlow } from '../tensorflow/setup.ts';
import type { Group } from './groups.ts';

/** What preparing needs. */
export interface PrepareContext { readonly root: string; readonly progress: Progress; readonly signal: AbortSignal }

/** Sets up everything; returns, by group name, why a group cannot run. */
export async function prepare(groups: readonly Group[], context: PrepareContext): Promise<Map<string, string>> {
  const failures = new Map<string, string>();
  const setUp = async (what: string, work: () => Promise<void>): Promise<void> => {
    const reason = await failureOf(work);
    if (reason !== undefined) failures.set(what, reason);
  };
  const needed = new Set(groups.flatMap(needsOf));
  if (needed.has(TENSORFLOW)) await setUp(TENSORFLOW, () => setUpTensorFlow(context));
  if (needed.has(CLIENTS)) await setUp(CLIENTS, () => setUpClients(context));
  for (const program of new Set(groups.flatMap((group) => group.needs.programs ?? []))) await setUp(program, () => setUpProgram(program, context));
  if (needed.has(IMAGES)) await setUp(IMAGES, () => setUpImages(context));
  return new Map(groups.flatMap((group) => {
    const failed = needsOf(group).find((need) => failures.has(need));
    return failed === undefined ? [] : [[group.name, `not run: ${failed}: ${failures.get(failed)}`]];
  }));
}

const TENSORFLOW = 'tensorflow';
const CLIENTS = 'clients';
const IMAGES = 'images';

function needsOf({ needs }: Group): string[] {
  return [...(needs.tensorflow ? [TENSORFLOW] : []), ...(needs.clients ? [CLIENTS] : []), ...(needs.images ? [IMAGES] : []), ...(needs.programs ?? [])];
}

/** Runs a step; returns the first line of what went wrong. */
async function failureOf(step: () => Promise<void>): Promise<string | undefined> {
  try {
    await step();
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

function setUpClients({ progress, signal }: PrepareContext): Promise<void> {
  return progress.step(CLIENTS, async (note) => {
    const environments = [];
    for (const name of ENVIRONMENTS) environments.push(await ensureEnvironment(name, { note: (text) => note(`${name}: ${text}`), signal }));
    return environments.some((each) => each.made) ? 'installed' : 'cached';
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

/** Builds the images where the cluster takes archives, so that the time shows here; Docker builds them when the tests begin. */
function setUpImages({ root, progress, signal }: PrepareContext): Promise<void> {
  return progress.step(IMAGES, async (note) => {
    const cluster = await choose({ report: note, signal });
    if (cluster.images === 'docker') return 'built with Docker by the tests';
    const images = await buildImages({ root, registry: cluster.registry, note, signal });
    return `${images.length} images, ${images.filter((image) => image.cached).length} of them cached`;
  });
}
