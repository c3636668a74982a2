// Owns the deadlines of all requests with one timer per length of time instead of one per request: requests of one length expire in
// the order they came. Must not know what a request is.

/** Who is told. */
export interface Expiring {
  expired(): void;
}

export interface Deadline {
  /** The request ended in time. */
  cancel(): void;
}

/** The largest delay a Node timer keeps; longer ones would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** One deadline in a doubly linked list. */
class Node implements Deadline {
  at: number;
  owner: Expiring;
  before: Node | undefined;
  after: Node | undefined;
  line: Line | undefined;

  constructor(at: number, owner: Expiring, line: Line) {
    this.at = at;
    this.owner = owner;
    this.line = line;
  }

  cancel(): void {
    this.line?.remove(this);
  }
}

class Line {
  private first: Node | undefined;
  private last: Node | undefined;
  private timer: NodeJS.Timeout | undefined;
  private readonly ms: number;
  private readonly now: () => number;

  constructor(ms: number, now: () => number) {
    this.ms = ms;
    this.now = now;
  }

  add(from: number, owner: Expiring): Deadline {
    const node = new Node(from + this.ms, owner, this);
    node.before = this.last;
    if (this.last === undefined) this.first = node;
    else this.last.after = node;
    this.last = node;
    this.timer ??= this.tickIn(this.ms);
    return node;
  }

  remove(node: Node): void {
    if (node.line === undefined) return;
    node.line = undefined;
    if (node.before === undefined) this.first = node.after;
    else node.before.after = node.after;
    if (node.after === undefined) this.last = node.before;
    else node.after.before = node.before;
  }

  /** The timer is left running when a request ends; it finds out here whether there is still something to wait for. */
  private tick(): void {
    const now = this.now();
    for (let node = this.first; node !== undefined && node.at <= now; node = this.first) {
      this.remove(node);
      node.owner.expired();
    }
    this.timer = this.first === undefined ? undefined : this.tickIn(this.first.at - now);
  }

  private tickIn(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.tick(), Math.min(MAX_TIMER_MS, Math.max(1, Math.ceil(ms))));
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}

export class Deadlines {
  private readonly lines = new Map<number, Line>();
  private readonly now: () => number;

  /** `now`: milliseconds on a monotonic clock. */
  constructor(now: () => number) {
    this.now = now;
  }

  /** Calls `owner.expired` `ms` milliseconds after `from`, which is now, unless cancelled. */
  add(ms: number, from: number, owner: Expiring): Deadline {
    let line = this.lines.get(ms);
    if (line === undefined) this.lines.set(ms, (line = new Line(ms, this.now)));
    return line.add(from, owner);
  }

  stop(): void {
    for (const line of this.lines.values()) line.stop();
  }
}
