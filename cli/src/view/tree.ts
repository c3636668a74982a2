// Owns the tree of `get`: service, revisions, pods. Must not know the summary above it or the terminal.
import { age } from './age.ts';
import type { Snapshot } from './objects.ts';
import { podInfo, podState } from './pod-state.ts';
import { revisionState, revisionViews, weightOf } from './revisions.ts';
import type { RevisionView } from './revisions.ts';
import { SYMBOLS, phaseSpan, roleTone } from './symbols.ts';
import { fit, keepEnd, line, plain, span, table } from './text.ts';
import type { Line, Span } from './text.ts';

interface Row {
  /** Branches and symbol. */
  indent: string;
  name: string;
  kind: string;
  state?: Span;
  age?: string;
  info?: Line;
}

/** Where space is short: the shortest a name and the longest a state may be. */
const NARROW = { name: 8, state: 20 };
interface Limits { name: number; state: number }
const UNLIMITED: Limits = { name: Number.POSITIVE_INFINITY, state: Number.POSITIVE_INFINITY };

/** Rows under their heads, at most `width` wide: states give way first, then names, losing their beginning. */
export function treeView(snapshot: Snapshot, width: number): Line[] {
  const rows = rowsOf(snapshot);
  const wide = layOut(rows, UNLIMITED);
  if (widest(wide) <= width) return wide;
  const limits = { ...UNLIMITED, state: NARROW.state };
  const excess = Math.max(0, widest(layOut(rows, limits)) - width);
  const longest = Math.max(...rows.map(({ indent, name }) => [...indent].length + name.length));
  return layOut(rows, { ...limits, name: longest - excess }).map((each) => fit(each, width));
}

const widest = (lines: readonly Line[]): number => Math.max(...lines.map((each) => [...plain(each)].length));

/** `limits.name` counts the branches before the name too. */
function layOut(rows: readonly Row[], limits: Limits): Line[] {
  return table(
    ['NAME', 'KIND', 'STATUS', 'AGE', 'INFO'],
    rows.map(({ indent, name, kind, state, age: old, info }) => [
      line(`${indent}${keepEnd(name, Math.max(NARROW.name, limits.name - [...indent].length))}`),
      line(kind, 'quiet'),
      state === undefined ? [] : fit([state], limits.state),
      line(old ?? ''),
      info ?? [],
    ]),
  );
}

function rowsOf(snapshot: Snapshot): Row[] {
  const { service, at } = snapshot;
  const { metadata, status } = service;
  const views = revisionViews(snapshot);
  const top: Row = { indent: `${SYMBOLS.service} `, name: metadata.name, kind: 'isvc', state: phaseSpan(status?.phase), age: age(metadata.creationTimestamp, at), info: line(status?.summary?.ready === undefined ? '' : `ready:${status.summary.ready}`) };
  return [top, ...views.flatMap((view, index) => revisionRows(view, index === views.length - 1, snapshot))];
}

function revisionRows(view: RevisionView, last: boolean, { service, at }: Snapshot): Row[] {
  const stem = last ? '   ' : '│  ';
  const weight = weightOf(service, view.name);
  const info = [span(view.role, roleTone(view.role)), ...(weight === undefined ? [] : [span(` ${weight}%`)]), ...(view.version === '' ? [] : [span(` ${view.version}`, 'quiet')])];
  return [
    { indent: `${last ? '└──' : '├──'}${SYMBOLS.revision} `, name: `revision:${view.number}`, kind: '' },
    { indent: `${stem}└──${SYMBOLS.deployment} `, name: view.name, kind: 'deploy', state: revisionState(view), age: age(view.created, at), info },
    ...view.pods.map((pod, index) => ({
      indent: `${stem}   ${index === view.pods.length - 1 ? '└──' : '├──'}${SYMBOLS.pod} `,
      name: pod.metadata.name,
      kind: 'pod',
      state: podState(pod),
      age: age(pod.metadata.creationTimestamp, at),
      info: line(podInfo(pod)),
    })),
  ];
}
