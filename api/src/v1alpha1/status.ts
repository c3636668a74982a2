// Owns the schema of InferenceService.status. The rollout's whole position lives here, so that any operator can carry on.
// Must not know how it is decided.
import { z } from 'zod';
import { kube } from '../meta.ts';

const instant = kube(z.string(), { description: 'RFC 3339 time.' });
const weight = z.number().int().min(0).max(100);

export const Condition = z.object({
  type: z.string(),
  status: z.enum(['True', 'False', 'Unknown']),
  reason: z.string(),
  message: z.string(),
  lastTransitionTime: instant,
  observedGeneration: z.number().int().optional(),
});
export type Condition = z.infer<typeof Condition>;

export const ROLLOUT_STATES = ['Idle', 'Warming', 'Shifting', 'Waiting', 'Promoting', 'RollingBack', 'Rejected'] as const;

export const RolloutStatus = z.object({
  state: z.enum(ROLLOUT_STATES),
  /** Revision that serves by default (blue-green: active). */
  stable: z.string().optional(),
  /** Revision on its way (blue-green: preview). */
  candidate: z.string().optional(),
  /** The previous stable one, kept for scaleDownDelay after a switch. */
  previous: z.string().optional(),
  previousUntil: instant.optional(),
  /** Index of the present step, and how many there are. */
  step: z.number().int().min(0).optional(),
  steps: z.number().int().min(0).optional(),
  /** The steps as they were when this rollout began: edits count from the next one on. */
  plan: kube(z.string(), { description: 'The strategy as it was when this rollout began (JSON).' }).optional(),
  /** Weight that the rollout wants the candidate to have now. */
  weight: weight.optional(),
  /** When the present state or step began, and when progress was last seen (for progressDeadline). */
  since: instant.optional(),
  progressAt: instant.optional(),
  pausedAt: instant.optional(),
  /** Why it is where it is: a reason of the catalogue and a sentence. */
  reason: z.string().optional(),
  message: z.string().optional(),
  lastCommand: z.object({ verb: z.enum(['promote', 'abort', 'retry']), revision: z.string(), at: instant, result: z.enum(['Accepted', 'Ignored']), message: z.string().optional() }).optional(),
});
export type RolloutStatus = z.infer<typeof RolloutStatus>;

export const RevisionStatus = z.object({
  name: z.string(),
  role: z.enum(['stable', 'canary', 'preview', 'previous', 'rejected', 'retired']),
  modelVersion: z.string(),
  /** Number for protocols whose versions are integers. */
  sequence: z.number().int(),
  desired: z.number().int(),
  ready: z.number().int(),
  digest: z.string().optional(),
});
export type RevisionStatus = z.infer<typeof RevisionStatus>;

export const InferenceServiceStatus = z.object({
  observedGeneration: z.number().int().optional(),
  url: z.string().optional(),
  previewUrl: z.string().optional(),
  /** For /scale: pods of the stable revision. */
  replicas: z.number().int().optional(),
  readyReplicas: z.number().int().optional(),
  selector: z.string().optional(),
  phase: z.enum(['Pending', 'Progressing', 'Paused', 'Healthy', 'Degraded', 'Terminating']).optional(),
  ports: z.object({ public: z.number().int(), preview: z.number().int() }).optional(),
  rollout: RolloutStatus.optional(),
  /** What the routers acknowledged, not what was intended. */
  traffic: kube(z.array(z.object({ revision: z.string(), modelVersion: z.string(), weight })), { listType: 'atomic' }).optional(),
  route: z.object({ sequence: z.number().int(), acknowledged: z.number().int().optional(), hash: z.string() }).optional(),
  revisions: kube(z.array(RevisionStatus), { listType: 'map', listMapKeys: ['name'] }).optional(),
  /** The last sequence number given to a revision. */
  revisionSequence: z.number().int().optional(),
  summary: z
    .object({
      ready: z.string().optional(),
      canary: z.string().optional(),
      weight: z.string().optional(),
      step: z.string().optional(),
      reason: z.string().optional(),
      version: z.string().optional(),
      stable: z.string().optional(),
    })
    .optional(),
  conditions: kube(z.array(Condition), { listType: 'map', listMapKeys: ['type'] }).optional(),
});
export type InferenceServiceStatus = z.infer<typeof InferenceServiceStatus>;
