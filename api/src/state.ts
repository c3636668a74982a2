// Owns what serving pods and slipway-fetch report about themselves on ports the operator reads. Must not know who reads it.
import { z } from 'zod';

/** `/mnt/models/.slipway/fetched.json`: written last by slipway-fetch, read by the server. */
export const FetchedPackage = z.object({
  storageUri: z.string(),
  /** Package digest: sha256 over the sorted lines `path\0sha256\n` of the files. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  /** Folder of the package, relative to the models mount. */
  path: z.string(),
  bytes: z.number().int().min(0),
});
export type FetchedPackage = z.infer<typeof FetchedPackage>;

/** `GET /progress` of slipway-fetch. */
export const FetchProgress = z.object({
  phase: z.enum(['Connecting', 'Downloading', 'Verifying', 'Unpacking', 'Done', 'Failed']),
  bytesDone: z.number().min(0),
  /** Absent while the size is not known. */
  bytesTotal: z.number().min(0).optional(),
  bytesPerSecond: z.number().min(0),
  attempt: z.number().int().min(1),
  /** The last failure, while another attempt is under way. */
  lastError: z.string().optional(),
  /** Its reason, from the reasons catalogue, until a byte arrives again. */
  lastReason: z.string().optional(),
});
export type FetchProgress = z.infer<typeof FetchProgress>;

/** Termination message of slipway-fetch and of the server: one line of JSON. */
export const TerminationReport = z.object({ reason: z.string().min(1), message: z.string() });
export type TerminationReport = z.infer<typeof TerminationReport>;

export const ModelState = z.object({
  name: z.string(),
  version: z.string(),
  phase: z.enum(['Pending', 'Loading', 'WarmingUp', 'Ready', 'Failed', 'Unloading']),
  /** Whether it is in memory. */
  loaded: z.boolean().optional(),
  /** Loaded by its next call, and unloaded when others need the memory. */
  lazy: z.boolean().optional(),
  reason: z.string().optional(),
  message: z.string().optional(),
  digest: z.string().optional(),
  format: z.string().optional(),
  backend: z.string().optional(),
  workers: z.number().int().optional(),
  /** Where the workers run: `thread` or `process`. */
  isolation: z.string().optional(),
  /** Threads inside an operation of one worker; absent where they are TensorFlow's pool, of as many as the server's `threads` at most. */
  threads: z.number().int().optional(),
  bytes: z.number().optional(),
});
export type ModelState = z.infer<typeof ModelState>;

/** `GET /state` on the server's admin port. */
export const ServerState = z.object({
  phase: z.enum(['Starting', 'Loading', 'WarmingUp', 'Ready', 'Failed', 'Draining']),
  /** First blocking cause, from the reasons catalogue, while the phase is Failed. */
  reason: z.string().optional(),
  message: z.string().optional(),
  /** Digest of the served package, once known. */
  digest: z.string().optional(),
  /** The package's own version, once known. */
  modelVersion: z.string().optional(),
  backend: z.string().optional(),
  threads: z.number().int().optional(),
  memoryBytes: z.number().optional(),
  models: z.array(ModelState),
});
export type ServerState = z.infer<typeof ServerState>;
