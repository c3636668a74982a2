// Owns answering the shell's question what may come next. Must not fail aloud: a shell that completes wants silence.
import { withSession } from '../session.ts';
import type { Shell } from '../session.ts';
import { candidatesFor } from '../view/completion.ts';
import type { Completable } from '../view/completion.ts';
import { listServices } from './read.ts';

/** kubectl's plugin completion: no file names. */
const NO_FILES = ':4';

/** Prints one candidate a line, then the directive that kubectl expects. */
export async function complete(shell: Shell, words: readonly string[], commands: readonly Completable[]): Promise<void> {
  const found = candidatesFor(words, commands);
  const names = 'words' in found ? found.words : await serviceNames(shell, found.options, words.at(-1) ?? '');
  shell.output.text([...names, NO_FILES].map((each) => `${each}\n`).join(''));
}

async function serviceNames(shell: Shell, options: { namespace?: string; context?: string; kubeconfig?: string }, start: string): Promise<string[]> {
  try {
    const services = await withSession(shell, options, (session) => listServices(session, false));
    return services.map((each) => each.metadata.name).filter((each) => each.startsWith(start));
  } catch {
    return [];
  }
}
