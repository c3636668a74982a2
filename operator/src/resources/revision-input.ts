// Owns what rendering a revision reads. Must not know how any object is rendered.
import type { InferenceService } from '@slipway/api';
import type { RevisionRecord } from '../types.ts';

export interface RevisionInput {
  /** After defaulting; name, namespace, pod-making spec and traffic.timeout are read. */
  isvc: Pick<InferenceService, 'metadata' | 'spec'>;
  /** `<isvc>-<hash>`: name of the ControllerRevision, Deployment and Service. */
  revision: string;
  /** The model version that callers see unless the package says otherwise. */
  modelVersion: string;
  /** The revision's number in its InferenceService: the integer version of a package that has none. */
  number: number;
  /** Resolved once and recorded. */
  images: RevisionRecord['images'];
  /** Secrets for these images, besides those of podTemplate. */
  imagePullSecrets?: readonly string[];
}
