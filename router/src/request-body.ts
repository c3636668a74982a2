// Owns a request's body between caller and pod: passed on as it comes, kept while it is small so that it can be sent again.
// Must not know heads, routes or retries.
import type { Attempt, BodyPlan, FlatHeaders } from './upstream/exchange.ts';

/** Bytes of bodies that are kept by all requests together. */
export class Budget {
  private left: number;

  constructor(bytes: number) {
    this.left = bytes;
  }

  get exhausted(): boolean {
    return this.left <= 0;
  }

  take(bytes: number): void {
    this.left -= bytes;
  }
}

export interface BodyOptions {
  /** Largest body that is kept for another attempt, in bytes. */
  replayMax: number;
  /** Largest body at all, in bytes. */
  max: number;
  /** When it is used up, bodies that are already being passed on are no longer kept. */
  budget: Budget;
}

/** Where the body comes from. */
export interface BodySource {
  pauseBody(): void;
  resumeBody(): void;
}

export class RequestBody {
  private readonly options: BodyOptions;
  private readonly declared: number | undefined;
  private readonly source: BodySource;
  private kept: Buffer[] = [];
  private keptBytes = 0;
  private size = 0;
  private trailers: FlatHeaders = [];
  private attempt: Attempt | undefined;
  /** Everything was received. */
  complete = false;
  /** Everything received so far is still kept. */
  replayable = true;

  constructor(declared: number | undefined, options: BodyOptions, source: BodySource) {
    this.declared = declared;
    this.options = options;
    this.source = source;
  }

  /** False: the body is too large. */
  data(chunk: Buffer): boolean {
    this.size += chunk.length;
    if (this.size > this.options.max) return false;
    if (this.attempt !== undefined && (this.size > this.options.replayMax || this.options.budget.exhausted)) this.forgo();
    if (this.replayable) this.keep(chunk);
    if (this.attempt?.write(chunk) === false) this.source.pauseBody();
    return true;
  }

  end(trailers: FlatHeaders): void {
    this.complete = true;
    this.trailers = trailers;
    this.attempt?.end(trailers);
  }

  /** The body if it is all here and fits into one write, else how it will come. */
  plan(): BodyPlan {
    if (!this.complete || this.trailers.length > 0) return { kind: 'stream', length: this.declared };
    return { kind: 'whole', bytes: this.whole() };
  }

  /** The body, if it is all here; undefined if it is not, or empty. */
  whole(): Buffer | undefined {
    if (!this.complete || this.kept.length === 0) return undefined;
    if (this.kept.length > 1) this.kept = [Buffer.concat(this.kept)];
    return this.kept[0];
  }

  /** Connects an attempt that was begun with `plan`: unless it got all, it is sent what was received so far and what still comes. */
  attach(attempt: Attempt, plan: BodyPlan): void {
    this.attempt = attempt;
    if (plan.kind === 'whole') return;
    let more = true;
    for (const chunk of this.kept) more = attempt.write(chunk);
    if (this.size > this.options.replayMax) this.forgo();
    if (this.complete) attempt.end(this.trailers);
    else if (more) this.source.resumeBody();
    else this.source.pauseBody();
  }

  /** The attempt is over; the rest waits for the next one. */
  detach(): void {
    this.attempt = undefined;
    if (!this.complete) this.source.pauseBody();
  }

  drained(): void {
    if (!this.complete) this.source.resumeBody();
  }

  private keep(chunk: Buffer): void {
    this.kept.push(chunk);
    this.keptBytes += chunk.length;
    this.options.budget.take(chunk.length);
  }

  private forgo(): void {
    this.replayable = false;
    this.discard();
  }

  /** Lets go of what is kept. */
  discard(): void {
    this.kept = [];
    this.options.budget.take(-this.keptBytes);
    this.keptBytes = 0;
  }
}
