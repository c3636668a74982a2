// Owns the route table as an immutable value: what is served on which port, and what was refused and why.
// Must not know sockets, time or Kubernetes; a source is the name of whatever carries one entry's text.
import { parseEntry } from './entry.ts';
import type { Entry } from './entry.ts';

export interface Binding {
  readonly entry: Entry;
  readonly kind: 'public' | 'preview';
}

export interface Refusal {
  readonly text: string;
  readonly why: string;
}

export interface Table {
  /** What is served, by source. */
  readonly entries: ReadonlyMap<string, Entry>;
  readonly ports: ReadonlyMap<number, Binding>;
  /** The newest text of a source, when it was refused; the entry of that source, if there is one, keeps serving. */
  readonly refused: ReadonlyMap<string, Refusal>;
}

export const EMPTY: Table = { entries: new Map(), ports: new Map(), refused: new Map() };

function portsOf(entries: Iterable<Entry>): Map<number, Binding> {
  const ports = new Map<number, Binding>();
  for (const entry of entries) {
    ports.set(entry.route.ports.public, { entry, kind: 'public' });
    ports.set(entry.route.ports.preview, { entry, kind: 'preview' });
  }
  return ports;
}

function tableOf(entries: Map<string, Entry>, refused: ReadonlyMap<string, Refusal>): Table {
  return { entries, ports: portsOf(entries.values()), refused };
}

function claimedBy(table: Table, source: string, entry: Entry): string | undefined {
  for (const port of [entry.route.ports.public, entry.route.ports.preview]) {
    const holder = table.ports.get(port)?.entry;
    if (holder !== undefined && holder !== table.entries.get(source)) return `port ${port} belongs to ${holder.route.name} (uid ${holder.uid})`;
  }
  return undefined;
}

function whyNot(table: Table, source: string, entry: Entry): string | undefined {
  const present = table.entries.get(source);
  if (present?.uid === entry.uid && entry.sequence < present.sequence) return `sequence ${entry.sequence} is older than ${present.sequence}`;
  return claimedBy(table, source, entry);
}

/** Takes the newest text of a source in, or refuses it whole: then what the source served before stays. The same table comes back if nothing changes. */
export function offer(table: Table, source: string, text: string): Table {
  const parsed = parseEntry(text);
  const why = 'refused' in parsed ? parsed.refused : whyNot(table, source, parsed.entry);
  const refused = new Map(table.refused);
  if ('refused' in parsed || why !== undefined) return { ...table, refused: refused.set(source, { text, why: why ?? '' }) };
  const wasRefused = refused.delete(source);
  if (!wasRefused && table.entries.get(source)?.text === text) return table;
  return tableOf(new Map(table.entries).set(source, parsed.entry), refused);
}

/** Forgets a source. Texts that were refused because of it get another chance. */
export function withdraw(table: Table, source: string): Table {
  const entries = new Map(table.entries);
  const refused = new Map(table.refused);
  entries.delete(source);
  refused.delete(source);
  let next = tableOf(entries, refused);
  for (const [name, refusal] of [...refused].sort(([a], [b]) => (a < b ? -1 : 1))) next = offer(next, name, refusal.text);
  return next;
}
