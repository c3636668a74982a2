// Owns Kubernetes events (events.k8s.io/v1): equal ones become a series, a talkative object is cut short, and sending never holds up
// a pass. Must not decide what is worth an event.
import { createHash } from 'node:crypto';
import { EVENTS } from '@slipway/kube';
import type { Client, Clock, KubeObject } from '@slipway/kube';
import type { Log } from './log.ts';
import type { OperatorMetrics } from './metrics.ts';

export interface EventNote {
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
}

/** Takes note of what happened to an object; returns at once. */
export interface EventRecorder {
  record(regarding: KubeObject, event: EventNote): void;
  /** Resolves when everything noted so far was sent or dropped. */
  flush(): Promise<void>;
}

export interface EventRecorderOptions {
  client: Client;
  clock: Clock;
  log: Log;
  metrics: OperatorMetrics;
  /** Name of the controller, such as `slipway-operator`. */
  controller: string;
  /** Name of this replica. */
  instance: string;
}

/** Milliseconds after its last sight in which an equal event still belongs to the series. */
const SERIES_MS = 6 * 60_000;
/** Milliseconds between two updates of one series; its count is not worth more. */
const SERIES_UPDATE_MS = 30_000;
/** New events per object: this many at once, then one each REFILL_MS. */
const BURST = 25;
const REFILL_MS = 30_000;
/** Remembered series and buckets at most; the oldest are forgotten. */
const MEMORY = 4_096;
const WAITING = 1_000;
const NOTE_LIMIT = 1_024;

interface Series {
  namespace: string;
  name: string;
  count: number;
  seenAt: number;
  sentAt: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

const microTime = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z');

/** Sets a key as the newest and forgets the oldest beyond the limit. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  const oldest = map.keys().next();
  if (map.size > MEMORY && oldest.done !== true) map.delete(oldest.value);
}

class Recorder implements EventRecorder {
  private readonly options: EventRecorderOptions;
  private readonly series = new Map<string, Series>();
  private readonly buckets = new Map<string, Bucket>();
  private sending: Promise<void> = Promise.resolve();
  private waiting = 0;

  constructor(options: EventRecorderOptions) {
    this.options = options;
  }

  record(regarding: KubeObject, event: EventNote): void {
    const key = JSON.stringify([regarding.metadata.uid, event.type, event.reason, event.message]);
    const now = this.options.clock.monotonic();
    const known = this.series.get(key);
    if (known !== undefined && now - known.seenAt < SERIES_MS) return this.repeat(key, known, now);
    if (!this.mayCreate(regarding.metadata.uid ?? '', now)) return this.options.metrics.eventDropped('RateLimit');
    const object = this.objectFor(regarding, event);
    remember(this.series, key, { namespace: object.metadata.namespace ?? 'default', name: object.metadata.name, count: 1, seenAt: now, sentAt: now });
    this.send(() => this.options.client.create(EVENTS, object));
  }

  async flush(): Promise<void> {
    await this.sending;
  }

  private repeat(key: string, series: Series, now: number): void {
    const { client, clock } = this.options;
    const next = { ...series, count: series.count + 1, seenAt: now };
    const due = series.count === 1 || now - series.sentAt >= SERIES_UPDATE_MS;
    remember(this.series, key, due ? { ...next, sentAt: now } : next);
    if (!due) return;
    const patch = { series: { count: next.count, lastObservedTime: microTime(clock.now()) } };
    this.send(() => client.patch({ type: EVENTS, namespace: next.namespace, name: next.name }, patch, { type: 'merge' }));
  }

  private mayCreate(uid: string, now: number): boolean {
    const bucket = this.buckets.get(uid) ?? { tokens: BURST, at: now };
    const tokens = Math.min(BURST, bucket.tokens + (now - bucket.at) / REFILL_MS);
    remember(this.buckets, uid, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
    return tokens >= 1;
  }

  private objectFor(regarding: KubeObject, event: EventNote): KubeObject {
    const { clock, controller, instance } = this.options;
    const { name, namespace = 'default', uid, resourceVersion } = regarding.metadata;
    const eventTime = microTime(clock.now());
    const suffix = createHash('sha256').update(JSON.stringify([instance, eventTime, event])).digest('hex').slice(0, 16);
    return {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: `${name}.${suffix}`, namespace },
      eventTime,
      type: event.type,
      reason: event.reason,
      note: event.message.slice(0, NOTE_LIMIT),
      action: 'Reconcile',
      regarding: { apiVersion: regarding.apiVersion, kind: regarding.kind, name, namespace, uid, resourceVersion },
      reportingController: controller,
      reportingInstance: instance.slice(0, 128),
    };
  }

  /** One at a time and in order; what fails is counted and given up: an event is never worth a retry. */
  private send(run: () => Promise<unknown>): void {
    const { log, metrics } = this.options;
    if (this.waiting >= WAITING) return metrics.eventDropped('Overflow');
    this.waiting += 1;
    this.sending = this.sending
      .then(run)
      .catch((error: unknown) => {
        metrics.eventDropped('Error');
        log.debug({ err: error }, 'an event could not be sent');
      })
      .then(() => void (this.waiting -= 1));
  }
}

/** A recorder that has sent nothing. */
export const createEventRecorder = (options: EventRecorderOptions): EventRecorder => new Recorder(options);
