// Owns the folder in which V8's compiled form of the server's JavaScript is kept from one start to the next: of a worker, a child process,
// a container. What lies there is executed, so nobody but the server's user may write there. Must not know what is compiled.
import { lstatSync, mkdirSync, realpathSync, statSync, type Stats } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A folder that is safe to execute from, or why there is none. */
export type CodeFolder = { folder: string } | { fault: string };

export const OFF = 'off';

const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

export interface Host {
  /** Folder for temporary files. */
  temporary: string;
  /** Number of the user that the server runs as; undefined where the system has none. */
  user: number | undefined;
}

const thisHost = (): Host => ({ temporary: tmpdir(), user: process.getuid?.() });

/**
 * Looks for the folder, and makes it where it is missing.
 * @param wanted a folder, `off`, or undefined for the usual one
 */
export function codeFolder(wanted: string | undefined, { temporary, user } = thisHost()): CodeFolder {
  if (wanted === OFF) return { fault: 'it is switched off' };
  if (user === undefined) return { fault: 'this system does not say whose a folder is' };
  try {
    return wanted === undefined ? usual(temporary, user) : own(path.resolve(wanted), user);
  } catch (error) {
    return { fault: (error as Error).message };
  }
}

/** Compiles with what an earlier start left in the folder. Without one everything is as it would be anyway. */
export function keepCompiledCode(wanted: string | undefined): void {
  const found = codeFolder(wanted);
  if ('folder' in found) enableCompileCache(found.folder);
}

/** Where everybody may write, as in /tmp, only the sticky bit keeps others from putting a folder of theirs in the place of ours. */
function usual(temporary: string, user: number): CodeFolder {
  const above = realpathSync(temporary);
  const { mode, uid } = statSync(above);
  if (uid !== 0 && uid !== user) return { fault: `${above} is another user's` };
  if ((mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0) return { fault: `others may replace what lies in ${above}` };
  return own(path.join(above, `slipway-compile-cache-${String(user)}`), user);
}

function own(folder: string, user: number): CodeFolder {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const fault = faultOf(lstatSync(folder), user);
  return fault === undefined ? { folder } : { fault: `${folder} ${fault}` };
}

function faultOf(stats: Stats, user: number): string | undefined {
  if (!stats.isDirectory()) return 'is no folder';
  if (stats.uid !== user) return "is another user's";
  return (stats.mode & OTHERS) === 0 ? undefined : 'is open to others';
}
