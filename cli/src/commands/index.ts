// Owns the table of commands: what each is called, takes and does, with examples. Must not hold logic.
import type { Command } from 'commander';
import type { GlobalOptions, Session, Shell } from '../session.ts';
import type { Format } from '../print/output.ts';
import { get, history, list, status } from './look.ts';
import { order, pause, undo } from './release.ts';
import type { OrderOptions, UndoOptions } from './release.ts';

export interface OptionSpec {
  flags: string;
  help: string;
  choices?: readonly string[];
  parse?: 'duration' | 'count';
  default?: string | number;
}

export interface Invocation {
  args: string[];
  options: GlobalOptions & Record<string, unknown>;
  program: Command;
}

type Result = Promise<number | undefined | void>;

export interface CommandSpec {
  name: string;
  summary: string;
  examples: readonly string[];
  /** More for the end of the help. */
  notes?: string;
  arguments?: readonly { name: string; help: string }[];
  options?: readonly OptionSpec[];
  hidden?: boolean;
  /** Does the work with a connection; resolves with the exit code, 0 if none. */
  run: (session: Session, invocation: Invocation) => Result;
  /** Does the work instead, without a connection. */
  local?: (shell: Shell, invocation: Invocation) => Result;
}

const NAME = [{ name: '<name>', help: 'name of the InferenceService' }];
const OUTPUT: OptionSpec = { flags: '-o, --output <format>', help: 'machine-readable', choices: ['json', 'yaml'] };
const TIMEOUT: OptionSpec = { flags: '--timeout <duration>', help: 'how long to wait for the operator', parse: 'duration', default: '30s' };

/** A command about one InferenceService. */
const named = <O>(act: (session: Session, name: string, options: O) => Result): CommandSpec['run'] => (session, { args, options }) => act(session, (args[0] ?? '').replace(/^[a-z]+\//, ''), options as O);

const LOOK: readonly CommandSpec[] = [
  {
    name: 'get',
    summary: 'Show one InferenceService as a tree: revisions, pods, weights and step',
    examples: ['get sentiment', 'get sentiment --watch', 'get sentiment -o yaml'],
    arguments: NAME,
    options: [{ flags: '-w, --watch', help: 'redraw as things change, until Ctrl-C' }, OUTPUT],
    run: named<{ watch?: boolean; output?: Format }>(get),
  },
  {
    name: 'list',
    summary: 'List InferenceServices with their releases',
    examples: ['list', 'list -A', 'list -o json'],
    options: [{ flags: '-A, --all-namespaces', help: 'of every namespace' }, OUTPUT],
    run: (session, { options }) => list(session, options as { allNamespaces?: boolean; output?: Format }),
  },
  {
    name: 'status',
    summary: 'Wait until the newest spec is rolled out; the exit code says how it ended',
    examples: ['status sentiment', 'status sentiment --timeout 15m', 'status sentiment --no-wait'],
    notes: 'Exit codes: 0 rolled out and ready, 1 only a person can help, 3 waits for promotion or is paused, 4 the timeout is over.',
    arguments: NAME,
    options: [{ flags: '--timeout <duration>', help: 'how long to wait', parse: 'duration', default: '10m' }, { flags: '--no-wait', help: 'tell how it is now and end' }],
    run: named<{ wait: boolean; timeout: number }>(status),
  },
  {
    name: 'history',
    summary: 'List the recorded revisions',
    examples: ['history sentiment', 'history sentiment -o yaml'],
    arguments: NAME,
    options: [OUTPUT],
    run: named<{ output?: Format }>(history),
  },
];

const RELEASE: readonly CommandSpec[] = [
  {
    name: 'promote',
    summary: 'End the present pause, or with --full give the candidate everything',
    examples: ['promote sentiment', 'promote sentiment --full'],
    arguments: NAME,
    options: [{ flags: '--full', help: 'leave out the steps that are left' }, TIMEOUT],
    run: named<OrderOptions>((session, name, options) => order(session, 'promote', name, options)),
  },
  {
    name: 'abort',
    summary: 'Give the share of the candidate back to the stable revision',
    examples: ['abort sentiment'],
    arguments: NAME,
    options: [TIMEOUT],
    run: named<OrderOptions>((session, name, options) => order(session, 'abort', name, options)),
  },
  {
    name: 'retry',
    summary: 'Try a candidate again that was aborted or given up',
    examples: ['retry sentiment'],
    arguments: NAME,
    options: [TIMEOUT],
    run: named<OrderOptions>((session, name, options) => order(session, 'retry', name, options)),
  },
  {
    name: 'pause',
    summary: 'Hold the rollout where it is (spec.rollout.paused)',
    examples: ['pause sentiment'],
    arguments: NAME,
    options: [TIMEOUT],
    run: named<{ timeout: number }>((session, name, options) => pause(session, name, true, options)),
  },
  {
    name: 'resume',
    summary: 'Let a paused rollout go on',
    examples: ['resume sentiment'],
    arguments: NAME,
    options: [TIMEOUT],
    run: named<{ timeout: number }>((session, name, options) => pause(session, name, false, options)),
  },
  {
    name: 'undo',
    summary: 'Go back to a recorded revision',
    examples: ['undo sentiment', 'undo sentiment --to-revision 3', 'undo sentiment --dry-run'],
    notes: 'Where Argo CD or Flux manages the service, prints the manifest to commit instead of changing the cluster.',
    arguments: NAME,
    options: [
      { flags: '--to-revision <number>', help: 'as `history` numbers them (default: the newest other one)', parse: 'count' },
      { flags: '--dry-run', help: 'print the manifest and change nothing' },
      { flags: '--force', help: 'change the cluster although Argo CD or Flux manages it' },
      TIMEOUT,
    ],
    run: named<UndoOptions>(undo),
  },
];

export const COMMANDS: readonly CommandSpec[] = [...LOOK, ...RELEASE];
