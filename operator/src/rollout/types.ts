// Owns the rollout as a value: where a release stands, what it is told about the world, and what it asks for.
// Must not know Kubernetes objects. All times are milliseconds since the epoch; all shares are whole percents.
import type { CanaryStep, Reason } from '@slipway/api';

export type Verb = 'promote' | 'abort' | 'retry';
export const VERBS: readonly Verb[] = ['abort', 'promote', 'retry'];

/** The strategy as it was when a rollout began: edits of spec.rollout count from the next one on. */
export interface Recipe {
  strategy: 'RollingUpdate' | 'Canary' | 'BlueGreen';
  canarySteps: CanaryStep[];
  maxSurge: string | number;
  autoPromote: boolean;
  scaleDownDelayMs: number;
  progressDeadlineMs: number;
  /** No steps: the first revision, or back to one whose pods still run. */
  direct: boolean;
}

export interface Because {
  reason: Reason;
  message: string;
}

/** The former stable revision, kept for a while to switch back to. */
export interface Previous {
  revision: string;
  until: number;
}

export interface LastCommand {
  verb: Verb;
  revision: string;
  at: number;
  result: 'Accepted' | 'Ignored';
  message: string;
}

interface Common {
  stable?: string;
  previous?: Previous;
  /** When the present state began. */
  since: number;
  /** Values of command annotations already acted on. */
  handled: Partial<Record<Verb, string>>;
  lastCommand?: LastCommand;
}

interface WithCandidate extends Common {
  candidate: string;
  recipe: Recipe;
  /** Index into the steps of the recipe; equal to their number while the last, implied step (everything) is taken. */
  step: number;
  /** Share that the candidate shall have now, before readiness is looked at. */
  weight: number;
  /** When progress was last seen, and the most ready candidate pods and downloaded bytes seen in this state. */
  progress: { at: number; ready: number; bytes: number };
  /** Set while spec.rollout.paused holds this rollout: its clocks stand still. */
  pausedAt?: number;
}

/** Nothing under way. Without a stable revision nothing has ever served. */
export interface Idle extends Common {
  state: 'Idle';
}
/** The candidate gets the pods that the present step needs; its share is still that of the step before. */
export interface Warming extends WithCandidate {
  state: 'Warming';
}
/** The step's share is written; every router has to acknowledge it. */
export interface Shifting extends WithCandidate {
  state: 'Shifting';
}
/** A pause: timed, or until somebody promotes. */
export interface Waiting extends WithCandidate {
  state: 'Waiting';
}
/** Full capacity, then everything, then the candidate is the stable one. */
export interface Promoting extends WithCandidate {
  state: 'Promoting';
}
/** The share goes back to the stable revision; ends when every router has acknowledged that. */
export interface RollingBack extends WithCandidate {
  state: 'RollingBack';
  cause: Because;
}
/** The candidate was given up and gets nothing until a retry or another pod-making edit. */
export interface Rejected extends Common {
  state: 'Rejected';
  candidate: string;
  cause: Because;
}

export type Forward = Warming | Shifting | Waiting | Promoting;
export type Active = Forward | RollingBack;
export type Rollout = Idle | Active | Rejected;

/** What the machine is told about the world in one pass. */
export interface RolloutFacts {
  /** Revision that the spec asks for; absent while the spec names none (it is invalid). */
  current?: string;
  /** spec.replicas. */
  replicas: number;
  /** Today's strategy, for a rollout that begins now. */
  recipe: Recipe;
  /** spec.rollout.paused. */
  paused: boolean;
  /** Command annotations as they are now. */
  commands: Partial<Record<Verb, string>>;
  /** Ready endpoints by revision. */
  ready: Record<string, number>;
  /** Bytes of the package that the revisions' pods have downloaded, while any of them downloads. */
  bytes: Record<string, number>;
  /** Replicas that the revisions' Deployments ask for now. */
  pods: Record<string, number>;
  /** Weights that every ready router acknowledged last. */
  served: Record<string, number>;
  /** Weights of the newest route entry written. */
  written: Record<string, number>;
  /** No route entry waits for acknowledgement: every ready router serves `served`. */
  settled: boolean;
  /** The first blocking cause of the candidate's pods, for the message of a missed deadline. */
  blocking?: Because;
}

export type Split = readonly (readonly [revision: string, percent: number])[];

export interface RolloutEvent {
  type: 'Normal' | 'Warning';
  reason: Reason;
  message: string;
}

export interface Advanced {
  rollout: Rollout;
  /** Share of every revision that has one; sums to 100, or is empty when nothing has ever been ready. */
  split: Split;
  /** Pods that every known revision shall have. */
  scale: Record<string, number>;
  /** Revision that answers on the preview URL. */
  preview?: string;
  because: Because;
  /** A wait ran past progressDeadline. */
  overdue: boolean;
  wakeAt?: number;
  events: RolloutEvent[];
}
