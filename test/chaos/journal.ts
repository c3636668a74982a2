// Owns the values that a chaos run gathers and its report is made of. Must not know how they are gathered or judged.
import type { Sent } from './load/protocol.ts';
import type { Kill } from './platform-operations.ts';
import type { WeightChange } from './watch.ts';

/** One operation from its first write to the state it leaves behind. Times are milliseconds since the epoch. */
export interface OperationRecord {
  name: string;
  /** InferenceService that it was done to; absent: what they all share. */
  service?: string;
  begun: number;
  ended?: number;
  /** Why it failed. */
  error?: string;
}

export interface Journal {
  seed: number;
  services: string[];
  /** Requests per second for each service. */
  rate: number;
  begun: number;
  ended: number;
  sent: readonly Sent[];
  operations: readonly OperationRecord[];
  changes: readonly WeightChange[];
  kills: readonly Kill[];
  /** The run was ended by a person. */
  interrupted: boolean;
}

export type { Kill, Sent, WeightChange };
