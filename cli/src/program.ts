// Owns the command line: names, options, help and which function each command calls. Must not know the cluster.
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { durationMs } from '@slipway/api';
import { COMMANDS } from './commands/index.ts';
import type { CommandSpec, OptionSpec } from './commands/index.ts';
import { CliError, EXIT, explained } from './errors.ts';
import { withSession } from './session.ts';
import type { GlobalOptions, Shell } from './session.ts';

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

function optionOf({ flags, help, choices, parse, default: initial }: OptionSpec): Option {
  const option = new Option(flags, help);
  if (choices !== undefined) option.choices(choices);
  if (parse !== undefined) option.argParser(PARSERS[parse]);
  if (initial !== undefined) option.default(parse === undefined ? initial : PARSERS[parse](String(initial)), String(initial));
  return option;
}

function commandOf(spec: CommandSpec, shell: Shell, ended: (code: number) => void): Command {
  const command = new Command(spec.name).description(spec.summary).addHelpText('after', `\nExamples:\n${spec.examples.map((each) => `  kubectl isvc ${each}`).join('\n')}${spec.notes === undefined ? '' : `\n\n${spec.notes}`}`);
  for (const argument of spec.arguments ?? []) command.argument(argument.name, argument.help);
  for (const option of spec.options ?? []) command.addOption(optionOf(option));
  if (spec.hidden === true) command.allowUnknownOption();
  return command.action(async (...given: unknown[]) => {
    const self = given.at(-1) as Command;
    const invocation = { args: self.args, options: self.optsWithGlobals<GlobalOptions & Record<string, unknown>>(), program: self.parent as Command };
    ended((await (spec.local === undefined ? withSession(shell, invocation.options, (session) => spec.run(session, invocation)) : spec.local(shell, invocation))) ?? EXIT.ok);
  });
}

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
    const command = commandOf(spec, shell, ended).copyInheritedSettings(program).exitOverride();
    program.addCommand(command, { hidden: spec.hidden === true });
  }
  return program.exitOverride();
}

/** Runs one command line (without node and script). Resolves with the exit code; never rejects. */
export async function run(args: readonly string[], shell: Shell): Promise<number> {
  let code: number = EXIT.ok;
  try {
    const program = programOf(shell, (ended) => (code = ended));
    if (args.length === 0) program.outputHelp();
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
