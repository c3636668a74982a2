// Owns which image archives of the cache nobody needs any more. Pure; must not know how they are made.
import path from 'node:path';
import type { ImageName } from './spec.ts';

/** A file of the cache. */
export interface CachedFile {
  readonly path: string;
  /** When it was last made or used. */
  readonly mtimeMs: number;
}

const KEPT = 2;
/** Another checkout may be about to load what it has just built. */
const IN_USE_MS = 3600_000;

/** For `filter` over files, newest first: archives of that image beyond the newest two that nobody has used for an hour. */
export function isSuperfluous(image: ImageName, now: number): (file: CachedFile) => boolean {
  const own = new RegExp(`^${image}-[0-9a-f]{16}\\.tar$`); // `server-` begins the archives of server-onnx too
  let seen = 0;
  return (file) => own.test(path.basename(file.path)) && ++seen > KEPT && now - file.mtimeMs > IN_USE_MS;
}
