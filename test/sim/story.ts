// Owns the narration of a simulated release as prose that a reviewer can read. Must not check anything.
import type { EventIntent } from '../../operator/src/types.ts';
import type { World } from './world.ts';

export class Story {
  private readonly world: World;
  private readonly lines: string[] = [];
  private last = '';
  private begin: number | undefined;

  constructor(world: World) {
    this.world = world;
  }

  private say(line: string): void {
    this.begin ??= this.world.now;
    const seconds = (this.world.now - this.begin) / 1000;
    this.lines.push(`${`${seconds}s`.padStart(6)}  ${this.plain(line)}`);
  }

  /** Revision names are hashes; a story calls them by their model version. */
  private plain(line: string): string {
    let text = line;
    for (const name of this.world.revisions.keys()) text = text.replaceAll(name, this.world.versionOf(name));
    return text;
  }

  person(what: string): void {
    this.say(`somebody ${what}`);
  }

  happens(what: string): void {
    this.say(what);
  }

  /** What was recorded, when it differs from what was told last, and the events of the pass. */
  recorded(events: readonly EventIntent[]): void {
    for (const { type, reason, message } of events) this.say(`        ${type === 'Warning' ? 'WARNING' : 'event'} ${reason}: ${message}`);
    const line = this.describe();
    if (line !== this.last) this.say(line);
    this.last = line;
  }

  private describe(): string {
    const { world } = this;
    const { rollout, phase, summary, revisions = [], traffic = [] } = world.status ?? {};
    const pods = revisions.filter((each) => each.desired > 0 || each.ready > 0).map((each) => `${each.name} (${each.role}) ${each.ready}/${each.desired}`);
    const shares = traffic.filter((each) => each.weight > 0).map((each) => `${each.revision} ${each.weight}%`);
    const at = [rollout?.state, summary?.step, phase, summary?.reason].filter((each) => each !== undefined && each !== '').join(', ');
    return `${at} | pods ${pods.join(', ') || 'none'} | routers serve ${shares.join(', ') || 'nothing'}`;
  }

  text(): string {
    return `${this.lines.join('\n')}\n`;
  }
}
