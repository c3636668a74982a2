// Owns the grammar of what a pass may answer: four words that say what happens next. Must not know why.

export type Outcome =
  /** All is as wanted; look again in `wakeInMs`, if given, or when something changes. */
  | { next: 'Settle'; wakeInMs?: number | undefined }
  /** Something failed that may succeed later: back-off, at least `atLeastMs`. What does not depend on it goes on in `wakeInMs`, if given. */
  | { next: 'Retry'; because: unknown; atLeastMs?: number | undefined; wakeInMs?: number | undefined }
  /** Nothing failed, but the pass came too early. */
  | { next: 'WaitFor'; ms: number; because: string }
  /** Trying again cannot help; only a change of the cluster can. */
  | { next: 'Stop'; because: string };
