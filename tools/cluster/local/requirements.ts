// What a local cluster needs of the machine beyond our own programs: commands and CNI plugins, and the Debian packages that have them.
// It must not know what they are used for, or how packages are installed.
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { BuildOptions } from '../binaries.ts';
import { ensurePackages } from './packages.ts';

/** Where distributions put executables; the PATH of an ordinary shell may lack the second half. */
const FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
const CNI_FOLDERS = ['/usr/lib/cni', '/opt/cni/bin', '/usr/libexec/cni'];
const CNI_PLUGINS = ['ptp', 'host-local', 'loopback'];
const CNI_PACKAGE = 'containernetworking-plugins';

/** Command -> Debian package. */
const COMMANDS: Readonly<Record<string, string>> = {
  containerd: 'containerd',
  ctr: 'containerd',
  runc: 'runc',
  nft: 'nftables',
  ip: 'iproute2',
  nsenter: 'util-linux',
  unshare: 'util-linux',
  mount: 'mount',
  openssl: 'openssl',
};

/** Packages of which something is missing, in alphabetical order. `has` says whether a file exists. */
export function missingPackages(has: (file: string) => boolean): string[] {
  return [...new Set([...packagesOf(COMMANDS, has), ...(cniFolder(has) === undefined ? [CNI_PACKAGE] : [])])].sort();
}

const packagesOf = (commands: Readonly<Record<string, string>>, has: (file: string) => boolean): string[] =>
  Object.entries(commands).flatMap(([command, name]) => (FOLDERS.some((folder) => has(path.join(folder, command))) ? [] : [name]));

/** The folder that holds the CNI plugins, if there is one that has all that are needed. */
export function cniFolder(has: (file: string) => boolean = existsSync): string | undefined {
  return CNI_FOLDERS.find((folder) => CNI_PLUGINS.every((plugin) => has(path.join(folder, plugin))));
}

/** Installs what a cluster lacks. Throws an Error that names it and the command that installs it where that cannot be done here. */
export const ensureRequirements = (options: BuildOptions): Promise<void> => ensurePackages(() => missingPackages(existsSync), options);

/** The same for commands that only a test needs: command -> Debian package. */
export const ensureCommands = (commands: Readonly<Record<string, string>>, options: BuildOptions): Promise<void> => ensurePackages(() => packagesOf(commands, existsSync), options);
