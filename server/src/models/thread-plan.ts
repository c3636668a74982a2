// Owns what the models of a folder are going to compute with, as far as their packages say before any is loaded.
import type { Isolation, ModelFormat } from '@slipway/api';
import { runtimeOf } from '../backends/backend.ts';
import { hasOwnThreads } from '../backends/model-runner.ts';
import type { Plan } from '../backends/thread-budget.ts';
import { homeOf } from './footprint.ts';
import { readPackage } from './model-package.ts';
import type { Listed } from './repository.ts';

type Asked = Readonly<{ format: ModelFormat | undefined; isolation: Isolation | undefined }>;

export async function threadPlan(listed: readonly Listed[], asked: Asked): Promise<Plan> {
  const own = await Promise.all(listed.map((one) => ownThreadsOf(one, asked)));
  return { pooled: own.filter((each) => each === false).length, own: own.filter((each) => each === true).length };
}

/** Undefined for a package that cannot be read: it fails when it is loaded, and needs no part of the CPUs. */
async function ownThreadsOf({ folder }: Listed, { format, isolation }: Asked): Promise<boolean | undefined> {
  try {
    const files = await readPackage(folder, format);
    return hasOwnThreads(runtimeOf(files.format), homeOf(files, isolation).isolation);
  } catch {
    return undefined;
  }
}
