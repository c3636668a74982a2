// What a local cluster needs of the machine beyond our own programs: commands and CNI plugins, the Debian packages that
// have them, and their installation where that is ours to do (apt-get, as root). It must not know what they are used for.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { exec } from '../../exec.ts';
import type { BuildOptions } from '../binaries.ts';

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

const INSTALL_MS = 10 * 60_000;

/** Packages of which something is missing, in alphabetical order. `has` says whether a file exists. */
export function missingPackages(has: (file: string) => boolean): string[] {
  const commands = Object.entries(COMMANDS).filter(([command]) => !FOLDERS.some((folder) => has(path.join(folder, command))));
  const packages = commands.map(([, name]) => name);
  if (cniFolder(has) === undefined) packages.push(CNI_PACKAGE);
  return [...new Set(packages)].sort();
}

/** The folder that holds the CNI plugins, if there is one that has all that are needed. */
export function cniFolder(has: (file: string) => boolean = existsSync): string | undefined {
  return CNI_FOLDERS.find((folder) => CNI_PLUGINS.every((plugin) => has(path.join(folder, plugin))));
}

/** The command that installs packages on Debian and its like. */
export function installCommand(packages: readonly string[]): string {
  return `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`;
}

/** Installs what is missing. Throws an Error that names it and the command that installs it where that cannot be done here. */
export async function ensureRequirements({ report, signal }: BuildOptions): Promise<void> {
  const missing = missingPackages(existsSync);
  if (missing.length === 0) return;
  const advice = `missing: ${missing.join(', ')}. Install with: ${installCommand(missing)}`;
  if (!existsSync('/usr/bin/apt-get')) throw new Error(`${advice} (or your distribution's counterpart)`);
  const options = { timeoutMs: INSTALL_MS, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, ...(signal === undefined ? {} : { signal }) };
  report(`installing ${missing.join(', ')} with apt-get`);
  try {
    await exec(['apt-get', 'update', '-qq'], options);
    await exec(['apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...missing], options);
  } catch (error) {
    throw new Error(advice, { cause: error });
  }
  const still = missingPackages(existsSync);
  if (still.length > 0) throw new Error(`missing even after apt-get: ${still.join(', ')}`);
}
