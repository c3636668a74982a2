// Owns rendering a revision once, at its birth: the complete Deployment and Service that its record keeps for good.
// Must not know releases: replicas, role and owner are put on by appliedDeploymentFor and appliedServiceFor at every apply.
import { LABELS, labelValue } from '@slipway/api';
import type { KubeObject, RevisionRecord } from '../types.ts';
import { ownerReference } from './owner.ts';
import type { Owner } from './owner.ts';
import { renderDeployment } from './revision-deployment.ts';
import type { RevisionInput } from './revision-input.ts';
import { renderService } from './revision-service.ts';

interface RenderedRevision {
  deployment: KubeObject;
  service: KubeObject;
}

/** The Deployment and headless Service of a new revision, complete but for replicas, role and owner references. */
export function renderRevision(input: RevisionInput): RenderedRevision {
  return { deployment: renderDeployment(input), service: renderService(input) };
}

/** The recorded Deployment as it is applied: with its owner and an explicit number of replicas. */
export function appliedDeploymentFor(owner: Owner, record: Pick<RevisionRecord, 'deployment'>, replicas: number): KubeObject {
  const { deployment } = record;
  return {
    ...deployment,
    metadata: { ...deployment.metadata, ownerReferences: [ownerReference(owner)] },
    spec: { ...(deployment['spec'] as Record<string, unknown>), replicas },
  };
}

/** What Prometheus shall see beside the revision's name. Both may change in the life of a revision; its pods do not. */
interface RevisionMarks {
  role: string;
  modelVersion: string;
}

/** The recorded Service as it is applied: with its owner, and with role and model version as labels. */
export function appliedServiceFor(owner: Owner, record: Pick<RevisionRecord, 'service'>, marks: RevisionMarks): KubeObject {
  const { service } = record;
  return {
    ...service,
    metadata: {
      ...service.metadata,
      labels: { ...service.metadata.labels, [LABELS.role]: labelValue(marks.role), [LABELS.modelVersion]: labelValue(marks.modelVersion) },
      ownerReferences: [ownerReference(owner)],
    },
  };
}
