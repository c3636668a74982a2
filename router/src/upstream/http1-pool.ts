// Owns the HTTP/1.1 connections to one pod: the freshest idle one is used first, the rest age and are closed.
// Must not know requests' meaning or other pods.
import { Http1Connection } from './http1-connection.ts';
import type { Address, ConnectionOwner } from './http1-connection.ts';
import type { Attempt, BodyPlan, OutgoingRequest, Receiver } from './exchange.ts';

export interface PoolOptions {
  connectTimeoutMs: number;
  /** Longest time a connection lies idle when the pod names none. */
  idleMs: number;
  /** Milliseconds on a monotonic clock. */
  now: () => number;
}

interface Idle {
  connection: Http1Connection;
  until: number;
}

/** Closed this long before the pod would do it, so that a request does not meet a closing connection. */
const MARGIN_MS = 1000;

export class Http1Pool implements ConnectionOwner {
  private readonly address: Address;
  private readonly options: PoolOptions;
  private readonly all = new Set<Http1Connection>();
  private readonly idlers: Idle[] = [];
  private closed = false;

  constructor(address: Address, options: PoolOptions) {
    this.address = address;
    this.options = options;
  }

  get size(): number {
    return this.all.size;
  }

  /** Sends on an idle connection, or on a new one; `fresh` insists on a new one. */
  send(request: OutgoingRequest, body: BodyPlan, receiver: Receiver, fresh: boolean): Attempt {
    const connection = (fresh ? undefined : this.takeIdle()) ?? this.open();
    return connection.send(request, body, receiver);
  }

  private takeIdle(): Http1Connection | undefined {
    for (let idle = this.idlers.pop(); idle !== undefined; idle = this.idlers.pop()) {
      if (idle.connection.usable) return idle.connection;
    }
    return undefined;
  }

  private open(): Http1Connection {
    const connection = new Http1Connection(this.address, this.options.connectTimeoutMs, this);
    this.all.add(connection);
    return connection;
  }

  idle(connection: Http1Connection, keepAliveMs: number | undefined): void {
    const lifetime = keepAliveMs === undefined ? this.options.idleMs : Math.min(this.options.idleMs, keepAliveMs - MARGIN_MS);
    if (this.closed || lifetime <= 0) connection.close();
    else this.idlers.push({ connection, until: this.options.now() + lifetime });
  }

  gone(connection: Http1Connection): void {
    this.all.delete(connection);
    const at = this.idlers.findIndex((idle) => idle.connection === connection);
    if (at >= 0) this.idlers.splice(at, 1);
  }

  /** Closes what lay idle too long. */
  sweep(): void {
    const now = this.options.now();
    for (const idle of this.idlers.filter((i) => i.until <= now)) idle.connection.close();
  }

  /** Closes what is idle now and everything else as it becomes idle. */
  drain(): void {
    this.closed = true;
    for (const idle of [...this.idlers]) idle.connection.close();
  }

  /** Ends every connection, also those at work. */
  destroy(): void {
    this.closed = true;
    for (const connection of this.all) connection.close();
  }
}
