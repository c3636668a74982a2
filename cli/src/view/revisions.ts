// Owns what is told of a revision: its part, its pods and its model, joined from status, record and pods.
// Must not lay anything out.
import { LABELS } from '@slipway/api';
import type { RevisionStatus } from '@slipway/api';
import type { Pod, Revision, Service, Snapshot } from './objects.ts';
import { podTroubles } from './pod-state.ts';
import { marked } from './symbols.ts';
import type { Span } from './text.ts';

export interface RevisionView {
  name: string;
  number: number;
  created: string | undefined;
  record: Revision | undefined;
  status: RevisionStatus | undefined;
  role: string;
  version: string;
  pods: Pod[];
}

export const revisionOfPod = (pod: Pod): string => pod.metadata.labels?.[LABELS.revision] ?? '';
/** Records of this incarnation of the service, the newest first. */
export const recordsOf = ({ service, revisions }: Pick<Snapshot, 'service' | 'revisions'>): Revision[] =>
  revisions.filter((each) => each.metadata.ownerReferences?.some((owner) => owner.uid === service.metadata.uid) === true).toSorted((a, b) => b.revision - a.revision);

/** Every revision that is recorded or has pods, the newest first. */
export function revisionViews(snapshot: Snapshot): RevisionView[] {
  const { service, pods } = snapshot;
  return recordsOf(snapshot).map((record) => {
    const { name } = record.metadata;
    const status = service.status?.revisions?.find((each) => each.name === name);
    return {
      name,
      number: record.revision,
      created: record.metadata.creationTimestamp,
      record,
      status,
      role: status?.role ?? 'retired',
      version: status?.modelVersion ?? record.data?.modelVersion ?? '',
      pods: pods.filter((pod) => revisionOfPod(pod) === name).toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)),
    };
  });
}

/** How it stands with the pods of a revision. */
export function revisionState({ status, role, pods }: RevisionView): Span {
  const { desired = 0, ready = 0 } = status ?? {};
  if (desired === 0 && role !== 'stable') return role === 'rejected' ? marked('bad', 'Rejected') : marked('neutral', 'ScaledDown');
  if (ready >= desired) return marked('ok', 'Healthy');
  return pods.some((pod) => podTroubles(pod).length > 0) ? marked('bad', 'Degraded') : marked('progressing', 'Progressing');
}

/** Percent of the traffic that every ready router gives it; undefined while unknown. */
export const weightOf = (service: Service, revision: string): number | undefined => service.status?.traffic?.find((each) => each.revision === revision)?.weight;
