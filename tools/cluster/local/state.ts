// A local cluster while a command works on it: its layout, its record (kept on disk with every change), its programs.
// Starts single processes and writes them down; in which order is lifecycle.ts's to know.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { isRunning, type ProcessId } from '../processes.ts';
import type { BuildOptions } from '../binaries.ts';
import { configurationFiles } from './configuration.ts';
import { DAEMONS, type DaemonSpec } from './daemons.ts';
import { startRelay } from './forwards.ts';
import type { Layout } from './layout.ts';
import { ENDED, entering, startDaemon } from './namespaces.ts';
import { controlGroupOf, writeRecord, type ClusterRecord } from './record.ts';

export const ANCHOR = 'anchor';
const LOG_LINES = 12;
/** A daemon may end while what it talks to is still starting, but not for ever. */
const MOST_ENDS = 5;

export interface State extends BuildOptions {
  readonly layout: Layout;
  /** Path of the program that is every Kubernetes component. */
  readonly kube: string;
  record: ClusterRecord;
  readonly proxySync?: string | undefined;
  /** How often each daemon had ended before this command, by its log. */
  readonly endsBefore: Readonly<Record<string, number>>;
}

/** Changes the record, on disk too. */
export function note(state: State, change: Partial<ClusterRecord>): void {
  state.record = { ...state.record, ...change };
  writeRecord(state.layout, state.record);
}

/** Writes down a started process. */
export function noteProcess(state: State, name: string, started: ProcessId): void {
  note(state, { processes: { ...state.record.processes, [name]: started } });
}

/** True if that process was started and still runs. */
export function runs(record: ClusterRecord, name: string): boolean {
  const known = record.processes[name];
  return known !== undefined && isRunning(known);
}

/** The process that holds the namespaces. Throws if the cluster has none. */
export function anchorOf(record: ClusterRecord): ProcessId {
  const anchor = record.processes[ANCHOR];
  if (anchor === undefined || !isRunning(anchor)) throw new Error(`the cluster "${record.id}" does not run`);
  return anchor;
}

/** Writes the configuration files. */
export function configure(state: State, cniPlugins: string): void {
  const files = configurationFiles({ layout: state.layout, controlGroup: controlGroupOf(state.record), cniPlugins, proxySync: state.proxySync });
  mkdirSync(state.layout.logs, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(state.layout.config, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}

/** Starts the daemons of a stage that do not run. */
export function startStage(state: State, stage: DaemonSpec['stage']): void {
  for (const spec of DAEMONS.filter((each) => each.stage === stage && !runs(state.record, each.name))) {
    const command = entering(anchorOf(state.record), { network: true, mounts: true }, spec.command({ layout: state.layout, kube: state.kube }));
    noteProcess(state, spec.name, startDaemon({ command, controlGroup: controlGroupOf(state.record), logFile: logOf(state, spec.name), again: true }));
  }
}

/** Opens a forward of that name, or finds it open; a relay that died gets its old port again. Returns the port. */
export async function ensureForward(state: State, name: string, target: string): Promise<number> {
  const relay = `relay-${name}`;
  const known = state.record.forwards[name];
  if (known !== undefined && runs(state.record, relay)) return known.port;
  const controlGroup = controlGroupOf(state.record);
  const started = await startRelay({ anchor: anchorOf(state.record), controlGroup, logFile: logOf(state, relay), target, port: known?.port ?? 0 });
  noteProcess(state, relay, started.process);
  note(state, { forwards: { ...state.record.forwards, [name]: { port: started.port, target } } });
  return started.port;
}

/** How often each daemon has ended so far. */
export function countEnds(layout: Layout): Record<string, number> {
  return Object.fromEntries(DAEMONS.map(({ name }) => [name, readLog(layout, name).filter((line) => line.startsWith(ENDED)).length]));
}

/** Throws an Error with the end of its log if a daemon keeps ending. */
export function assertDaemonsRun(state: State): void {
  const ends = countEnds(state.layout);
  const failing = DAEMONS.find(({ name }) => (ends[name] ?? 0) - (state.endsBefore[name] ?? 0) >= MOST_ENDS);
  if (failing !== undefined) throw new Error(`${failing.name} keeps ending; the end of ${logOf(state, failing.name)}:\n${endOfLog(state, failing.name)}`);
}

/** The log file of a process. */
export function logOf({ layout }: Pick<State, 'layout'>, name: string): string {
  return path.join(layout.logs, `${name}.log`);
}

function endOfLog(state: State, name: string): string {
  return readLog(state.layout, name).slice(-LOG_LINES).join('\n');
}

function readLog(layout: Layout, name: string): string[] {
  try {
    return readFileSync(logOf({ layout }, name), 'utf8').trimEnd().split('\n');
  } catch {
    return [];
  }
}
