// Owns the folder in which V8's compiled form of the server's JavaScript is kept from one start to the next: of a worker, a child process,
// a container. What lies there is executed, so nobody but the server's user may write there. Must not know what is compiled.
import { lstatSync, mkdirSync, type Stats } from 'node:fs';
import { enableCompileCache } from 'node:module';
import path from 'node:path';

/** A folder that is safe to execute from, or why there is none. */
export type CodeFolder = { folder: string } | { fault: string };

const OTHERS = 0o077;

/**
 * Looks at the folder, and makes it where it is missing.
 * @param user number of the user that the server runs as; undefined where the system has none
 */
export function codeFolder(wanted: string, user = process.getuid?.()): CodeFolder {
  if (user === undefined) return { fault: 'this system does not say whose a folder is' };
  const folder = path.resolve(wanted);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const fault = faultOf(lstatSync(folder), user);
    return fault === undefined ? { folder } : { fault: `${folder} ${fault}` };
  } catch (error) {
    return { fault: (error as Error).message };
  }
}

/** Compiles with what an earlier start left in the folder. Without one everything is as it would be anyway. */
export function keepCompiledCode(wanted: string | undefined): void {
  const found = wanted === undefined ? undefined : codeFolder(wanted);
  if (found !== undefined && 'folder' in found) enableCompileCache(found.folder);
}

function faultOf(stats: Stats, user: number): string | undefined {
  if (!stats.isDirectory()) return 'is no folder';
  if (stats.uid !== user) return "is another user's";
  return (stats.mode & OTHERS) === 0 ? undefined : 'is open to others';
}
