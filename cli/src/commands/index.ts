// Owns the table of commands: what each is called, takes and does, with examples. Must not hold logic.
import manifest from '../../package.json' with { type: 'json' };
import { withSession } from '../session.ts';
import type { GlobalOptions, Session, Shell } from '../session.ts';
import type { Format } from '../print/output.ts';
import { explain, predict, version } from './inspect.ts';
import type { PredictOptions } from './inspect.ts';
import { logs } from './logs.ts';
import type { LogOptions } from './logs.ts';
import { get, history, list, status } from './look.ts';
import { plan } from './plan.ts';
import { order, pause, undo } from './release.ts';
import type { OrderOptions, UndoOptions } from './release.ts';
import { SCRIPTS, SHELLS } from '../view/completion.ts';
import type { ShellName } from '../view/completion.ts';

export interface OptionSpec {
  flags: string;
  help: string;
  choices?: readonly string[];
  parse?: 'duration' | 'count';
  required?: boolean;
  default?: string | number;
}

export interface Invocation {
  args: string[];
  options: GlobalOptions & Record<string, unknown>;
}

type Result = Promise<number | undefined | void>;

export interface CommandSpec {
  name: string;
  summary: string;
  examples: readonly string[];
  /** More for the end of the help. */
  notes?: string;
  arguments?: readonly { name: string; help: string; choices?: readonly string[] }[];
  options?: readonly OptionSpec[];
  /** Does the work with a connection; resolves with the exit code, 0 if none. */
  run?: (session: Session, invocation: Invocation) => Result;
  /** Does the work instead, without a connection. */
  local?: (shell: Shell, invocation: Invocation) => Result;
}

const VERSION = manifest.version;
const NAME = [{ name: '<name>', help: 'name of the InferenceService' }];
const OUTPUT: OptionSpec = { flags: '-o, --output <format>', help: 'machine-readable', choices: ['json', 'yaml'] };
const TIMEOUT: OptionSpec = { flags: '--timeout <duration>', help: 'how long to wait for the operator', parse: 'duration', default: '30s' };

/** A command about one InferenceService. */
const named = <O>(act: (session: Session, name: string, options: O) => Result): NonNullable<CommandSpec['run']> => (session, { args, options }) => act(session, (args[0] ?? '').replace(/^[a-z]+\//, ''), options as O);

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

const INSPECT: readonly CommandSpec[] = [
  {
    name: 'plan',
    summary: 'Tell what applying a file would do, without changing anything',
    examples: ['plan -f sentiment.yaml', 'plan -f - -o json < sentiment.yaml', 'plan -f sentiment.yaml -n models'],
    notes: "Runs the operator's own planner on what is in the cluster now. Exit codes: 0 nothing stands in the way, 1 it would be refused (admission, quota, a name that is taken), 3 the rollout would be held.",
    options: [{ flags: '-f, --filename <file>', help: 'manifest of one InferenceService, or - for standard input', required: true }, OUTPUT],
    run: (session, { options }) => plan(session, options as unknown as { filename: string; output?: Format }),
  },
  {
    name: 'explain',
    summary: 'Tell why it is as it is: conditions, pods, containers, warnings, and the fix',
    examples: ['explain sentiment', 'explain sentiment -n models'],
    arguments: NAME,
    run: named<unknown>(explain),
  },
  {
    name: 'logs',
    summary: 'Print the logs of the serving pods',
    examples: ['logs sentiment', 'logs sentiment --revision 2 --follow', 'logs sentiment --container fetch', 'logs sentiment --previous --tail 50'],
    arguments: NAME,
    options: [
      { flags: '--revision <revision>', help: 'number or name of the revision (default: all)' },
      { flags: '-c, --container <name>', help: 'server, or fetch for the download', default: 'server' },
      { flags: '-f, --follow', help: 'go on as they are written, also with pods that come later, until Ctrl-C' },
      { flags: '-p, --previous', help: 'of the container before its last restart' },
      { flags: '--tail <lines>', help: 'only the last lines', parse: 'count' },
    ],
    run: named<LogOptions>(logs),
  },
  {
    name: 'predict',
    summary: 'Send one request through the public Service and print the answer',
    examples: [`predict sentiment -d '{"text": "what a day"}'`, 'predict sentiment -d @request.json --preview', `predict iris -d '{"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}]}' --path /v2/models/iris/infer`],
    notes: "Goes through the API server's service proxy, so nothing has to listen here; the role `edit` allows it.",
    arguments: NAME,
    options: [
      { flags: '-d, --data <json>', help: 'the request: JSON, @file, or - for standard input', required: true },
      { flags: '--path <path>', help: 'where to', default: '/predict' },
      { flags: '--preview', help: 'to the blue-green preview' },
      { flags: '--timeout <duration>', help: 'how long to wait for the answer', parse: 'duration', default: '60s' },
    ],
    run: named<PredictOptions>(predict),
  },
];

const SELF: readonly CommandSpec[] = [
  {
    name: 'completion',
    summary: 'Print the completion script of a shell',
    examples: ['completion bash > /etc/bash_completion.d/kubectl-isvc', 'completion zsh', 'completion fish | source'],
    arguments: [{ name: '<shell>', help: 'which shell', choices: SHELLS }],
    local: ({ output }, { args }) => {
      output.text(SCRIPTS[args[0] as ShellName]);
      return Promise.resolve();
    },
  },
  {
    name: 'version',
    summary: 'Print the versions of plugin, API and cluster',
    examples: ['version', 'version --client', 'version -o json'],
    options: [{ flags: '--client', help: 'ask no cluster' }, OUTPUT],
    local: (shell, { options }) => {
      if (options['client'] !== true) return withSession(shell, options, (session) => version(session, VERSION, options['output'] as Format | undefined));
      shell.output.text(`kubectl-isvc   ${VERSION}\n`);
      return Promise.resolve();
    },
  },
];

export const COMMANDS: readonly CommandSpec[] = [...LOOK, ...RELEASE, ...INSPECT, ...SELF];
