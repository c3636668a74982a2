// What the commands share: Ctrl-C as a signal that steps obey, and errors as text for people. It must not know the commands.

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
