// Owns where one request goes: first choice, next pod after a failure, next revision after a 421.
// Must not know sockets, bodies or answers.
import type { RouteBackend } from '@slipway/api';
import { askingOrder, havingVersion } from './pick/pinned.ts';
import type { Sequence } from './pick/sequence.ts';
import { choose, splitOf } from './pick/split.ts';
import type { Choice, Split } from './pick/split.ts';
import type { Binding } from './table/table.ts';
import type { Failure } from './upstream/exchange.ts';
import type { Pod, Pods } from './upstream/pods.ts';

/** The points that requests draw, per public port. */
export interface Draws {
  /** For requests that name no model version. */
  common: Sequence;
  /** For those that may: see mayNameVersion. */
  pinned: Sequence;
}

export interface Wish {
  /** Version asked for by header. */
  version: string | undefined;
  /** The body or URL may name one. */
  mayNameVersion: boolean;
}

/** What the first choice came to. `unavailable`: the revision is known but has no pod. */
export type FirstChoice = Choice | 'unavailable';

export interface Placement {
  backend: RouteBackend;
  pod: Pod;
  /** Failures of the pod when it was chosen. */
  failures: number;
  /** Insist on a new connection. */
  fresh: boolean;
  /** The revision whose share moved here. */
  insteadOf?: RouteBackend;
}

export class Targets {
  private readonly binding: Binding;
  private readonly pods: Pods;
  private readonly tried: Pod[] = [];
  private readonly asked: RouteBackend[] = [];
  /** Set when the caller chose the revision, by port or version: its share cannot go elsewhere. */
  private pinned = false;

  constructor(binding: Binding, pods: Pods) {
    this.binding = binding;
    this.pods = pods;
  }

  /**
   * Revisions that were out of reach a moment ago are chosen only if all are: EndpointSlices lag behind a dead node by half a minute.
   * If none has a ready pod, those whose pods were ready: on a busy node all of them may fail their probe at once and still answer.
   */
  private split(split: Split, u: number): Choice | undefined {
    const { isReachable, isLive, isLastResort } = this.pods;
    return choose(split, u, isReachable) ?? choose(split, u, isLive) ?? choose(split, u, isLastResort);
  }

  private mayAnswer(revision: string): boolean {
    return this.pods.isLive(revision) || this.pods.isLastResort(revision);
  }

  /** The revision that a new request goes to. */
  first(wish: Wish, draws: Draws): FirstChoice {
    const { entry, kind } = this.binding;
    if (kind === 'preview') {
      this.pinned = true;
      return entry.preview !== undefined && this.mayAnswer(entry.preview.revision) ? { backend: entry.preview } : 'unavailable';
    }
    if (wish.version !== undefined) {
      const having = havingVersion(entry.route.backends, wish.version);
      if (having.length > 0) return this.among(having, draws);
    }
    const draw = wish.version === undefined && !wish.mayNameVersion ? draws.common : draws.pinned;
    return this.split(entry.split, draw.next()) ?? 'unavailable';
  }

  /** One of the revisions that all have the asked version, by their weights. */
  private among(having: RouteBackend[], draws: Draws): FirstChoice {
    this.pinned = true;
    const sum = having.reduce((total, b) => total + b.weight, 0);
    const shared = sum === 0 ? undefined : this.split(splitOf(having), (draws.pinned.next() * sum) / 100);
    if (shared !== undefined) return { backend: shared.backend };
    const live = having.find((b) => this.pods.isLive(b.revision)) ?? having.find((b) => this.pods.isLastResort(b.revision));
    return live === undefined ? 'unavailable' : { backend: live };
  }

  /** Reserves a pod of the revision; undefined if all its pods were tried. */
  place(backend: RouteBackend): Placement | undefined {
    const pod = this.pods.reserve(backend.revision, this.tried);
    return pod === undefined ? undefined : { backend, pod, failures: pod.failures, fresh: false };
  }

  /**
   * Where to go after a failed attempt: another pod of the same revision; the same pod on a new connection, if the failed one was a
   * kept connection that the pod may just have closed; else the share goes to another revision, unless the caller chose this one.
   */
  after(failed: Placement, failure: Failure): Placement | undefined {
    if (!this.tried.includes(failed.pod)) this.tried.push(failed.pod);
    const other = this.place(failed.backend);
    if (other !== undefined) return other;
    if (failure.reused && !failed.fresh) return this.again(failed);
    return this.pinned ? undefined : this.heir(failed.backend);
  }

  private again(failed: Placement): Placement {
    failed.pod.outstanding++;
    return { backend: failed.backend, pod: failed.pod, failures: failed.pod.failures, fresh: true };
  }

  private heir(silent: RouteBackend): Placement | undefined {
    for (const backend of this.binding.entry.split.heirs) {
      const placement = backend.revision === silent.revision ? undefined : this.place(backend);
      if (placement !== undefined) return { ...placement, insteadOf: silent };
    }
    return undefined;
  }

  /** Where to go after a 421: the next live revision that was not asked yet. From then on the caller's version decides. */
  elsewhere(lacking: RouteBackend): Placement | undefined {
    this.asked.push(lacking);
    if (this.binding.kind === 'preview') return undefined;
    this.pinned = true;
    for (const backend of askingOrder(this.binding.entry.route.backends)) {
      if (this.asked.some((b) => b.revision === backend.revision)) continue;
      const placement = this.place(backend);
      if (placement !== undefined) return placement;
    }
    return undefined;
  }

  /** True if a revision that shares the traffic could not be asked: it may have what the others lack. */
  unheard(): boolean {
    const { entry, kind } = this.binding;
    return kind === 'public' && entry.split.backends.some((b) => b.role !== 'preview' && !this.asked.some((a) => a.revision === b.revision));
  }

  /** Versions that can be asked for at present, without doubles. */
  liveVersions(): string[] {
    const { entry, kind } = this.binding;
    const backends = kind === 'preview' ? [entry.preview].filter((b) => b !== undefined) : askingOrder(entry.route.backends);
    return [...new Set(backends.filter((b) => this.pods.isLive(b.revision)).map((b) => b.modelVersion))];
  }
}
