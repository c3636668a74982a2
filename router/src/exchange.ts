// Owns one request under way: body up, answer down, retries before the first byte of an answer, its end in every way it can end.
// Must not know how HTTP is spoken on either side, nor who decides where it goes (targets) or what is checked first (proxy).
import type { RouteBackend } from '@slipway/api';
import { corsHeaders } from './cors.ts';
import type { Deadline, Deadlines } from './deadlines.ts';
import type { Caller, CallerListener } from './downstream/caller.ts';
import { MODEL_VERSION_HEADER, REQUEST_ID_HEADER, REVISION_HEADER, ROLE_HEADER, readAnswer } from './headers.ts';
import type { RequestFacts } from './headers.ts';
import type { Series } from './metrics/metrics.ts';
import { answerOf } from './problems.ts';
import type { Problem } from './problems.ts';
import { RequestBody } from './request-body.ts';
import type { BodyOptions } from './request-body.ts';
import type { Binding } from './table/table.ts';
import type { Placement, Targets } from './targets.ts';
import type { Attempt, BodyPlan, Failure, FlatHeaders, OutgoingRequest, Receiver } from './upstream/exchange.ts';
import type { Pods } from './upstream/pods.ts';

/** How one request ended. */
export interface Ended {
  exchange: Exchange;
  /** HTTP status that the caller got; 499 if it hung up first. */
  status: number;
  ms: number;
}

export interface ExchangeOptions {
  pods: Pods;
  deadlines: Deadlines;
  /** Milliseconds on a monotonic clock. */
  now: () => number;
  body: BodyOptions;
  /** Attempts at most, whatever failed. */
  maxAttempts: number;
  seriesOf: (binding: Binding, backend: RouteBackend | undefined) => Series;
  begun: () => void;
  ended: (end: Ended) => void;
}

export interface Request {
  caller: Caller;
  facts: RequestFacts;
  requestId: string;
  outgoing: OutgoingRequest;
  binding: Binding;
  targets: Targets;
  isGrpc: boolean;
  /** It may ask for a revision by what that is (gRPC messages are not read), so the pod is told what its revision is. */
  tellsRole: boolean;
}

const RETRY_AFTER: FlatHeaders = ['Retry-After', '1'];
const HUNG_UP = 499;

export class Exchange implements Receiver, CallerListener {
  readonly request: Request;
  readonly body: RequestBody;
  private readonly options: ExchangeOptions;
  private readonly startedAt: number;
  private readonly deadline: Deadline;
  private series: Series;
  private placement: Placement | undefined;
  private attempt: Attempt | undefined;
  private attempts = 0;
  private status = 0;
  private over = false;
  /** The answer that is coming is a 421 that the caller shall not see. */
  private discarding = false;
  /** Waits for the whole of a small body. */
  private onceComplete: (() => void) | undefined;

  constructor(request: Request, options: ExchangeOptions) {
    this.request = request;
    this.options = options;
    this.startedAt = options.now();
    this.deadline = options.deadlines.add(request.binding.entry.timeoutMs, this.startedAt, this);
    this.series = options.seriesOf(request.binding, undefined);
    const { caller, facts } = request;
    this.body = new RequestBody(facts.contentLength, options.body, caller);
    if (!caller.hasBody) this.body.complete = true;
    this.series.inFlight++;
    options.begun();
  }

  /** Revision that the request went to last. */
  get revision(): string | undefined {
    return this.placement?.backend.revision;
  }

  /** Calls `begin` when the body is all here, or at once if that is not worth waiting for. */
  whenReady(waitMax: number, begin: () => void): void {
    const length = this.request.facts.contentLength;
    const waits = !this.body.complete && length !== undefined && length <= waitMax;
    if (waits) this.onceComplete = begin;
    this.request.caller.listen(this);
    // The body may have come at once, and have been too large or none.
    if (!waits && !this.over) begin();
  }

  /** Sends the request to a pod. */
  send(placement: Placement): void {
    if (placement.insteadOf !== undefined) this.options.seriesOf(this.request.binding, placement.insteadOf).givenAway++;
    this.move(placement);
    this.attempts++;
    const plan = this.body.plan();
    try {
      this.attempt = this.begin(placement, plan);
    } catch (error) {
      // HTTP/2 is stricter about headers than HTTP/1.1: this is about the caller's, not about the pod.
      this.options.pods.release(placement.pod);
      return this.refuse({ code: 'bad_request', detail: `The request's headers cannot be passed on: ${(error as Error).message}.` });
    }
    this.body.attach(this.attempt, plan);
  }

  private begin({ pod, fresh, backend }: Placement, plan: BodyPlan): Attempt {
    const { isGrpc, tellsRole } = this.request;
    const outgoing = tellsRole ? withRole(this.request.outgoing, backend) : this.request.outgoing;
    return isGrpc ? pod.http2.send(outgoing, plan, this) : pod.http1.send(outgoing, plan, this, fresh);
  }

  private move(placement: Placement): void {
    this.placement = placement;
    this.series.inFlight--;
    this.series = this.options.seriesOf(this.request.binding, placement.backend);
    this.series.inFlight++;
  }

  /** Answers with a problem, unless an answer has begun. */
  refuse(problem: Problem): void {
    if (this.over) return;
    this.abandon();
    const { requestId, isGrpc } = this.request;
    const answer = answerOf(problem, requestId, isGrpc);
    const headers = [...answer.headers, ...this.ownHeaders(undefined)];
    this.request.caller.head(answer.status, headers, answer.body === undefined);
    if (answer.body !== undefined) this.request.caller.end(answer.body, []);
    this.finish(answer.status);
  }

  /** Answers with headers alone. */
  reply(status: number, headers: FlatHeaders): void {
    this.request.caller.head(status, [...headers, REQUEST_ID_HEADER, this.request.requestId], true);
    this.finish(status);
  }

  private ownHeaders(modelVersion: string | undefined): FlatHeaders {
    const { requestId, binding, facts } = this.request;
    const headers = [REQUEST_ID_HEADER, requestId];
    const backend = this.placement?.backend;
    if (backend !== undefined) headers.push(REVISION_HEADER, backend.revision, MODEL_VERSION_HEADER, modelVersion ?? backend.modelVersion);
    const { cors } = binding.entry.route;
    return cors === undefined ? headers : [...headers, ...corsHeaders(cors, facts.origin)];
  }

  // ---- what the pod says

  head(status: number, headers: FlatHeaders, ended: boolean): void {
    const placement = this.placement as Placement;
    this.options.pods.succeeded(placement.pod);
    if (status === 421) return this.misdirected(ended);
    const answer = readAnswer(headers, this.request.binding.entry.route.cors !== undefined);
    for (const header of this.ownHeaders(answer.modelVersion)) answer.headers.push(header);
    this.status = status;
    this.request.caller.head(status, answer.headers, ended);
    if (ended) this.finish(status);
  }

  data(chunk: Buffer): void {
    if (this.discarding) return;
    // Writing may wait for the caller, and the bytes would not.
    if (!this.request.caller.write(Buffer.from(chunk))) this.attempt?.pause();
  }

  end(last: Buffer | undefined, trailers: FlatHeaders): void {
    if (this.discarding) return this.resend();
    this.request.caller.end(last, trailers);
    this.finish(this.status);
  }

  failed(failure: Failure): void {
    const { placement } = this;
    if (this.over || placement === undefined) return;
    // The 421 itself was heard; how its body ended does not matter.
    if (this.discarding) return this.resend();
    this.noteFailure(placement, failure);
    this.release();
    if (this.status !== 0) return this.breakOff();
    const next = this.mayRepeat(failure) ? this.request.targets.after(placement, failure) : undefined;
    if (next === undefined) return this.refuse(problemOf(failure));
    this.series.retries[failure.kind]++;
    this.send(next);
  }

  drained(): void {
    this.body.drained();
  }

  private noteFailure({ pod, failures }: Placement, failure: Failure): void {
    this.series.failures[failure.kind]++;
    if (!failure.reused) this.options.pods.failed(pod, failure.kind, failures);
  }

  private mayRepeat(failure: Failure): boolean {
    return failure.kind !== 'bad-answer' && this.request.binding.entry.mayRetry && this.body.replayable && this.attempts < this.options.maxAttempts;
  }

  private misdirected(ended: boolean): void {
    this.series.resends++;
    this.discarding = true;
    if (ended) this.resend();
  }

  private resend(): void {
    const lacking = (this.placement as Placement).backend;
    this.discarding = false;
    this.release();
    if (!this.body.replayable) return this.refuse(MISDIRECTED);
    const next = this.request.targets.elsewhere(lacking);
    if (next === undefined) this.refuse(this.request.targets.unheard() ? UNHEARD : notFound(this.request.targets.liveVersions()));
    else this.send(next);
  }

  /** Lets go of the pod: the attempt is over. */
  private release(): void {
    if (this.attempt === undefined || this.placement === undefined) return;
    this.attempt = undefined;
    this.body.detach();
    this.options.pods.release(this.placement.pod);
  }

  // ---- what the caller does

  bodyData(chunk: Buffer): void {
    if (this.over) return;
    if (this.body.data(chunk)) return;
    this.refuseOrBreak({ code: 'body_too_large', detail: `The body is larger than ${this.options.body.max} bytes.` });
  }

  bodyEnd(trailers: FlatHeaders): void {
    if (this.over) return;
    this.body.end(trailers);
    const { onceComplete } = this;
    this.onceComplete = undefined;
    onceComplete?.();
  }

  writable(): void {
    this.attempt?.resume();
  }

  gone(): void {
    if (this.over) return;
    this.abandon();
    this.finish(HUNG_UP);
  }

  // ---- how it ends

  expired(): void {
    if (this.over) return;
    const seconds = this.request.binding.entry.timeoutMs / 1000;
    if (this.body.complete) this.refuseOrBreak({ code: 'gateway_timeout', detail: `No complete answer within ${seconds} s.`, headers: RETRY_AFTER });
    else this.refuseOrBreak({ code: 'request_timeout', detail: `The request body did not arrive within ${seconds} s.` });
  }

  private refuseOrBreak(problem: Problem): void {
    if (this.status === 0) return this.refuse(problem);
    this.abandon();
    this.breakOff();
  }

  private breakOff(): void {
    this.request.caller.destroy();
    this.finish(this.status);
  }

  private abandon(): void {
    const { attempt } = this;
    this.release();
    attempt?.abort();
  }

  private finish(status: number): void {
    if (this.over) return;
    this.over = true;
    this.deadline.cancel();
    this.release();
    this.body.discard();
    this.series.inFlight--;
    const ms = this.options.now() - this.startedAt;
    this.series.answered(status, ms);
    this.options.ended({ exchange: this, status, ms });
  }
}

/** Said anew with every attempt: what a revision is differs, and changes. */
const withRole = (outgoing: OutgoingRequest, { role }: RouteBackend): OutgoingRequest => ({ ...outgoing, headers: [...outgoing.headers, ROLE_HEADER, role] });

const MISDIRECTED: Problem = {
  code: 'misdirected',
  detail: `The revision chosen for this request lacks the model version it asks for, and the body is too large to send again. Name the version in the header ${MODEL_VERSION_HEADER}.`,
};

const UNHEARD: Problem = {
  code: 'unavailable',
  detail: 'The revisions that could be asked lack the model version asked for, and one could not be asked: none of its pods is ready.',
  headers: RETRY_AFTER,
};

function notFound(versions: readonly string[]): Problem {
  return { code: 'model_not_found', detail: `No live revision has the model version asked for. Live versions: ${versions.join(', ') || 'none'}.` };
}

/** What a caller is told when no attempt is left. */
function problemOf(failure: Failure): Problem {
  if (failure.kind === 'connect') return { code: 'unavailable', detail: `No pod could be reached: ${failure.message}.`, headers: RETRY_AFTER };
  return { code: 'bad_gateway', detail: `The pod broke off before answering: ${failure.message}.` };
}
