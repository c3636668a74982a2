// Owns what Linux says of the memory of another process. Must not know what the process is for.
import { readFileSync } from 'node:fs';

/** Bytes that a process holds for itself: not files and libraries, which it shares with others. 0 where the system does not say. */
export function anonymousBytes(pid: number): number {
  try {
    const kib = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1];
    return kib === undefined ? 0 : Number(kib) * 1024;
  } catch {
    return 0;
  }
}
