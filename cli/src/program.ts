// Owns the command line: names, options, help and which function each command calls. Must not know the cluster.
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { durationMs } from '@slipway/api';
import { COMMANDS } from './commands/index.ts';
import { complete } from './commands/completion.ts';
import type { CommandSpec, Invocation, OptionSpec } from './commands/index.ts';
import { EXIT, explained } from './errors.ts';
import type { CliError } from './errors.ts';
import { withSession } from './session.ts';
import type { GlobalOptions, Shell } from './session.ts';
import type { Completable } from './view/completion.ts';

const PARSERS: Readonly<Record<NonNullable<OptionSpec['parse']>, (text: string) => unknown>> = {
  duration: (text) => checked(() => durationMs(text)),
  count: (text) => {
    if (!/^\d+$/.test(text)) throw new InvalidArgumentError('write a whole number.');
    return Number(text);
  },
};

function checked<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

function optionOf({ flags, help, choices, parse, required = false, default: initial }: OptionSpec): Option {
  const option = new Option(flags, help);
  option.makeOptionMandatory(required);
  if (choices !== undefined) option.choices(choices);
  if (parse !== undefined) option.argParser(PARSERS[parse]);
  if (initial !== undefined) option.default(parse === undefined ? initial : PARSERS[parse](String(initial)), String(initial));
  return option;
}

function commandOf(spec: CommandSpec, shell: Shell, ended: (code: number) => void): Command {
  const command = new Command(spec.name).description(spec.summary).addHelpText('after', `\nExamples:\n${spec.examples.map((each) => `  kubectl isvc ${each}`).join('\n')}${spec.notes === undefined ? '' : `\n\n${spec.notes}`}`);
  for (const { name, help, choices } of spec.arguments ?? []) command.addArgument(choices === undefined ? new Argument(name, help) : new Argument(name, help).choices(choices));
  for (const option of spec.options ?? []) command.addOption(optionOf(option));
  return command.action(async (...given: unknown[]) => {
    const self = given.at(-1) as Command;
    const invocation = { args: self.args, options: self.optsWithGlobals<GlobalOptions & Record<string, unknown>>()};
    ended((await perform(spec, shell, invocation)) ?? EXIT.ok);
  });
}

async function perform({ run: act, local }: CommandSpec, shell: Shell, invocation: Invocation): Promise<number | undefined | void> {
  if (local !== undefined) return local(shell, invocation);
  return act === undefined ? undefined : withSession(shell, invocation.options, (session) => act(session, invocation));
}

const completable = ({ name, arguments: takes = [], options = [] }: CommandSpec): Completable => ({
  name,
  takesName: takes.some((each) => each.name === '<name>'),
  flags: options.flatMap(({ flags }) => flags.match(/--?[a-z-]+/g) ?? []),
  choices: takes.flatMap((each) => each.choices ?? []),
});

function programOf(shell: Shell, ended: (code: number) => void): Command {
  const program = new Command('kubectl isvc')
    .description('Looks at InferenceServices and steers their releases.')
    .option('-n, --namespace <name>', 'namespace (default: the context’s)')
    .option('--context <name>', 'context of the kubeconfig')
    .option('--kubeconfig <path>', 'kubeconfig (default: $KUBECONFIG, else ~/.kube/config)')
    .configureHelp({ showGlobalOptions: true, helpWidth: 100 })
    .showHelpAfterError('(--help shows examples)')
    .helpCommand(false)
    .configureOutput({ writeOut: (text) => shell.output.text(text), writeErr: (text) => shell.output.note(text.trimEnd()) });
  for (const spec of COMMANDS) {
    program.addCommand(commandOf(spec, shell, ended).copyInheritedSettings(program).exitOverride());
  }
  return program.exitOverride();
}

/** Runs one command line (without node and script). Resolves with the exit code; never rejects. */
export async function run(args: readonly string[], shell: Shell): Promise<number> {
  let code: number = EXIT.ok;
  try {
    const program = programOf(shell, (ended) => (code = ended));
    if (args[0] === '__complete') await complete(shell, args.slice(1), COMMANDS.map(completable));
    else if (args.length === 0) program.outputHelp();
    else await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return failed(shell, explained(error));
  }
}

function failed(shell: Shell, { message, exitCode }: CliError): number {
  shell.output.note(`error: ${message}`);
  return exitCode;
}
