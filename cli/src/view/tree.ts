// Owns the tree of `get`: service, revisions, pods. Must not know the summary above it or the terminal.
import { age } from './age.ts';
import type { Snapshot } from './objects.ts';
import { podInfo, podState } from './pod-state.ts';
import { revisionState, revisionViews, weightOf } from './revisions.ts';
import type { RevisionView } from './revisions.ts';
import { SYMBOLS, phaseSpan, roleTone } from './symbols.ts';
import { fit, keepEnd, line, span, table } from './text.ts';
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

/** The narrowest that names may become before the line is cut. */
const MIN_NAME = 12;

/** Rows under their heads, at most `width` wide: names give way, losing their beginning. */
export function treeView(snapshot: Snapshot, width: number): Line[] {
  const rows = rowsOf(snapshot);
  const wide = layOut(rows, Number.POSITIVE_INFINITY);
  const excess = Math.max(...wide.map((each) => [...each.map((part) => part.text).join('').trimEnd()].length)) - width;
  if (excess <= 0) return wide;
  const longest = Math.max(...rows.map(({ indent, name }) => [...indent].length + name.length));
  return layOut(rows, Math.max(MIN_NAME, longest - excess)).map((each) => fit(each, width));
}

function layOut(rows: readonly Row[], nameWidth: number): Line[] {
  return table(
    ['NAME', 'KIND', 'STATUS', 'AGE', 'INFO'],
    rows.map(({ indent, name, kind, state, age: old, info }) => [
      line(`${indent}${Number.isFinite(nameWidth) ? keepEnd(name, nameWidth - [...indent].length) : name}`),
      line(kind, 'quiet'),
      state === undefined ? [] : [state],
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
