// Installs Debian packages where that is ours to do (apt-get, as root), one installation at a time on the machine: apt-get itself gives up when
// it meets another. It must not know what they are for.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { cacheRoot } from '../../cache.ts';
import { exec } from '../../exec.ts';
import type { BuildOptions } from '../binaries.ts';
import { withLock } from '../lock.ts';

const INSTALL_MS = 10 * 60_000;
/** An installation that somebody else started by hand is waited for. */
const PATIENT = ['-o', 'DPkg::Lock::Timeout=300'];

/** The command that installs packages on Debian and its like. */
export function installCommand(packages: readonly string[]): string {
  return `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`;
}

/** Installs the packages that `missing` names. Throws an Error that names them and the command that installs them where that cannot be done here. */
export async function ensurePackages(missing: () => string[], { report, signal }: BuildOptions): Promise<void> {
  if (missing().length === 0) return;
  const advice = (): string => `missing: ${missing().join(', ')}. Install with: ${installCommand(missing())}`;
  if (!existsSync('/usr/bin/apt-get')) throw new Error(`${advice()} (or your distribution's counterpart)`);
  const waiting = (): void => report('waiting for another process that is installing');
  await withLock(path.join(cacheRoot(), 'packages.lock'), { timeoutMs: INSTALL_MS, waiting, signal }, async () => {
    const wanted = missing();
    if (wanted.length === 0) return;
    report(`installing ${wanted.join(', ')} with apt-get`);
    const options = { timeoutMs: INSTALL_MS, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, ...(signal === undefined ? {} : { signal }) };
    try {
      await exec(['apt-get', 'update', '-qq'], options);
      await exec(['apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...PATIENT, ...wanted], options);
    } catch (error) {
      throw new Error(advice(), { cause: error });
    }
  });
  if (missing().length > 0) throw new Error(`missing even after apt-get: ${missing().join(', ')}`);
}
