// Owns the tables of `list` and `history`. Must not know the terminal.
import { age } from './age.ts';
import type { Service, Snapshot } from './objects.ts';
import { revisionState, revisionViews } from './revisions.ts';
import { phaseSpan, roleTone } from './symbols.ts';
import { line, span, table } from './text.ts';
import type { Line } from './text.ts';

/** One line for each service. `all`: with a column for the namespace. */
export function listView(services: readonly Service[], at: number, all: boolean): Line[] {
  if (services.length === 0) return [line('no InferenceServices found')];
  const heads = [...(all ? ['NAMESPACE'] : []), 'NAME', 'STATUS', 'STRATEGY', 'STEP', 'WEIGHT', 'READY', 'VERSION', 'REASON', 'AGE'];
  return table(heads, services.map(({ metadata, spec, status }) => {
    const { step, weight, ready, version, reason } = status?.summary ?? {};
    const texts = [spec.rollout?.strategy, step ?? '-', weight ?? '-', ready, version, reason, age(metadata.creationTimestamp, at)];
    return [...(all ? [line(metadata.namespace ?? '')] : []), line(metadata.name), [phaseSpan(status?.phase)], ...texts.map((text) => line(text ?? ''))];
  }));
}

/** One line for each recorded revision, the oldest first as `kubectl rollout history` has it. */
export function historyView(snapshot: Snapshot): Line[] {
  const views = revisionViews(snapshot).toReversed();
  if (views.length === 0) return [line('no revision is recorded yet')];
  return table(['REVISION', 'NAME', 'ROLE', 'STATUS', 'AGE', 'VERSION', 'MODEL'], views.map((view) => [
    line(String(view.number)),
    line(view.name),
    [span(view.role, roleTone(view.role))],
    [revisionState(view)],
    line(age(view.created, snapshot.at)),
    line(view.version),
    line(view.record?.data?.spec?.model?.storageUri ?? ''),
  ]));
}
