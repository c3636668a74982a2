// The cluster's own control groups: one folder of one name in every hierarchy the machine has, v1 or v2. Its kubelet keeps
// pods below it, its daemons live in it, so that everything the cluster ever started can be found and ended. It must not
// know clusters, only the name.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { until } from '../wait.ts';

/** A mounted control group hierarchy. */
export interface Hierarchy {
  readonly mount: string;
  readonly version: 1 | 2;
  /** Version 1: the controllers (or name=...) of the hierarchy. */
  readonly controllers: readonly string[];
}

const END_MS = 10_000;
const DAEMONS = 'daemons';

/** Reads the hierarchies from the text of /proc/self/mountinfo. */
export function parseHierarchies(mountinfo: string): Hierarchy[] {
  const lines = mountinfo.split('\n').map((line) => line.split(' - ').map((half) => half.split(' ')));
  return lines.flatMap(([left, right]): Hierarchy[] => {
    const [mount, root, type] = [left?.[4], left?.[3], right?.[0]];
    if (mount === undefined || root === undefined) return [];
    if (type === 'cgroup2') return [{ mount, version: 2, controllers: [] }];
    return type === 'cgroup' ? [{ mount, version: 1, controllers: (right?.[2] ?? '').split(',') }] : [];
  });
}

function hierarchies(): Hierarchy[] {
  return parseHierarchies(readFileSync('/proc/self/mountinfo', 'utf8'));
}

/** Creates the group in every hierarchy; groups that exist are left as they are. */
export function createGroups(name: string): void {
  for (const hierarchy of hierarchies()) {
    const folder = path.join(hierarchy.mount, name);
    if (existsSync(folder)) continue;
    if (hierarchy.version === 2) delegateControllers(hierarchy.mount);
    mkdirSync(folder);
    if (hierarchy.controllers.includes('cpuset')) inheritCpuset(hierarchy.mount, folder);
    // Below a group of default weight all pods together would weigh as much as one process beside it.
    if (hierarchy.controllers.includes('cpu')) writeFileSync(path.join(folder, 'cpu.shares'), String(1024 * availableParallelism()));
  }
  mkdirSync(daemonsFolder(name), { recursive: true });
}

/** The file into which a process writes its own pid to join the cluster's daemons. */
export function joinFile(name: string): string {
  return path.join(daemonsFolder(name), 'cgroup.procs');
}

/**
 * One hierarchy is enough to keep hold of the daemons. In version 1 that is pids, which limits nothing: in the cpu or memory
 * hierarchy they would share the weight of their own pods.
 */
function daemonsFolder(name: string): string {
  const all = hierarchies();
  const home = all.find((each) => each.controllers.includes('pids')) ?? all.find((each) => each.version === 2) ?? all[0];
  if (home === undefined) throw new Error('no control groups are mounted on this machine (see: mount -t cgroup,cgroup2)');
  return path.join(home.mount, name, DAEMONS);
}

/** Ends every process in the groups at once and resolves when none is left. Nothing is asked first: nothing is to be kept. */
export async function killGroups(name: string): Promise<void> {
  const report = { left: [] as number[] };
  await until(() => {
    report.left = [...processesIn(name)];
    report.left.forEach(kill);
    return report.left.length === 0;
  }, { timeoutMs: END_MS, everyMs: 20, otherwise: () => `processes that do not end: ${report.left.join(', ')}` });
}

/** Removes the empty groups, deepest first. */
export async function removeGroups(name: string): Promise<void> {
  const roots = hierarchies().map(({ mount }) => path.join(mount, name));
  await until(() => {
    roots.forEach(removeTree);
    return !roots.some((root) => existsSync(root));
  }, { timeoutMs: END_MS, everyMs: 50, otherwise: () => `control groups that stay busy: ${roots.filter((root) => existsSync(root)).join(', ')}` });
}

/** Pids of all processes anywhere below the groups. */
export function processesIn(name: string): Set<number> {
  const files = hierarchies().flatMap(({ mount }) => tree(path.join(mount, name))).map((folder) => path.join(folder, 'cgroup.procs'));
  return new Set(files.flatMap((file) => readOr(file).split('\n').map(Number).filter((pid) => pid > 0)));
}

/** The folder and all below it, parents first. */
function tree(folder: string): string[] {
  try {
    const children = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [folder, ...children.flatMap((entry) => tree(path.join(folder, entry.name)))];
  } catch {
    return []; // never there, or just removed
  }
}

function removeTree(root: string): void {
  for (const folder of tree(root).reverse()) {
    try {
      rmdirSync(folder);
    } catch {
      // still busy: a process that was killed takes a moment to leave
    }
  }
}

function delegateControllers(mount: string): void {
  for (const controller of readOr(path.join(mount, 'cgroup.controllers')).trim().split(' ')) {
    try {
      writeFileSync(path.join(mount, 'cgroup.subtree_control'), `+${controller}`);
    } catch {
      // a controller that cannot be shared; the kubelet names those it misses
    }
  }
}

/** A new cpuset of version 1 has no processors and no memory, and nothing can join it before it does. */
function inheritCpuset(parent: string, folder: string): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    writeFileSync(path.join(folder, file), readFileSync(path.join(parent, file), 'utf8').trim());
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function readOr(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
