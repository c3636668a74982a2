// kubectl and helm for the commands and tests: the user's own where there are some, else built here. For the local
// cluster always the built ones, whose versions are pinned. It must not know what they are used for.
import { existsSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { ensurePrograms, goCommand, type BuildOptions } from './binaries.ts';

/** Paths of the two programs. */
export interface Clients {
  readonly kubectl: string;
  readonly helm: string;
}

/** The pinned kubectl and helm, built if the cache lacks them. */
export async function builtClients(options: BuildOptions): Promise<Clients> {
  const { kube, helm } = await ensurePrograms(['kube', 'helm'], options);
  return { kubectl: linkTo(kube, 'kubectl'), helm };
}

/** The kubectl and helm of the PATH; what it lacks is built if there is Go. Throws an Error that says how to install them. */
export async function usersClients(options: BuildOptions): Promise<Clients> {
  const [kubectl, helm] = [onPath('kubectl'), onPath('helm')];
  if (kubectl !== undefined && helm !== undefined) return { kubectl, helm };
  if (!existsSync(goCommand())) {
    const missing = [...(kubectl === undefined ? ['kubectl (https://kubernetes.io/docs/tasks/tools/)'] : []), ...(helm === undefined ? ['helm (https://helm.sh/docs/intro/install/)'] : [])];
    throw new Error(`missing: ${missing.join(', ')}`);
  }
  const built = await builtClients(options);
  return { kubectl: kubectl ?? built.kubectl, helm: helm ?? built.helm };
}

/** The full path of a command, if the PATH has it. */
export function onPath(command: string): string | undefined {
  return (process.env['PATH'] ?? '').split(path.delimiter).map((folder) => path.join(folder, command)).find((file) => existsSync(file));
}

/** The kube program is whichever component its name says. */
function linkTo(program: string, name: string): string {
  const link = path.join(path.dirname(program), name);
  try {
    symlinkSync(path.basename(program), link);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return link;
}
