// What the commands share: their line with its --help, where the person is, Ctrl-C as a signal that steps obey, and errors as text for
// people. It must not know the commands.
import path from 'node:path';
import { parseArgs } from 'node:util';

/**
 * The arguments of a command that has no options but --help. Undefined if there is nothing to do any more: help was asked for, or the line is
 * mistaken, which is said and ends with exit code 2.
 */
export function argumentsFor(help: string, most: number): string[] | undefined {
  try {
    const { positionals, values } = parseArgs({ allowPositionals: true, options: { help: { type: 'boolean', short: 'h' } } });
    if (values.help) process.stdout.write(help);
    else if (positionals.length > most) throw new Error(`it does not take "${positionals[most]}"; --help tells what it takes`);
    else return positionals;
  } catch (error) {
    process.stderr.write(`error: ${(error as Error).message}\n`);
    process.exitCode = 2;
  }
  return undefined;
}

/** The folder in which the person typed: npm and npx run a command in the package's own, above that one, and name it in INIT_CWD. */
export function callersFolder(): string {
  const [here, named] = [process.cwd(), process.env['INIT_CWD'] ?? ''];
  // Whatever npm has started hands INIT_CWD on, also to what has gone elsewhere since.
  return `${named}${path.sep}`.startsWith(`${here}${path.sep}`) ? named : here;
}

/** Aborted by SIGINT or SIGTERM. Ctrl-C reaches a command through npm several times; once is meant. */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => controller.abort(new Error('interrupted')));
  return controller.signal;
}

/** Runs a command to its end. A failure is printed as one message and ends with exit code 1, an interruption with 130. */
export async function runCommand(signal: AbortSignal, interrupted: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    process.stderr.write(signal.aborted ? `\n${interrupted}\n` : `\nerror: ${(error as Error).message}\n`);
    process.exitCode = signal.aborted ? 130 : 1;
  }
}
