// Owns the schema of InferenceService.status. The rollout's whole position lives here, so that any operator can carry on.
// Must not know how it is decided.
import { z } from 'zod';
import { doc, kube } from '../meta.ts';

const instant = (what: string): z.ZodString => doc(z.string(), `${what} RFC 3339.`);
const weight = (what: string): z.ZodInt => doc(z.int().min(0).max(100), what);
const count = (what: string): z.ZodInt => doc(z.int().min(0), what);
const text = (what: string): z.ZodString => doc(z.string(), what);

export const Condition = doc(
  z.object({
    type: text('Ready, RolledOut, Progressing, Stalled, RoutesReady, ModelLoaded or MonitoringReady.'),
    status: doc(z.enum(['True', 'False', 'Unknown']), 'Whether the condition holds.'),
    reason: text('Reason from the catalogue in docs/reference.'),
    message: text('What is the matter and what to do about it.'),
    lastTransitionTime: instant('When status last changed.'),
    observedGeneration: count('Generation of the spec that this was decided from.').optional(),
  }),
  'One condition.',
);
export type Condition = z.infer<typeof Condition>;

export const ROLLOUT_STATES = ['Idle', 'Warming', 'Shifting', 'Waiting', 'Promoting', 'RollingBack', 'Rejected'] as const;

const LastCommand = doc(
  z.object({
    verb: doc(z.enum(['promote', 'abort', 'retry']), 'What was asked.'),
    revision: text('Revision that the command named.'),
    at: instant('When it was seen.'),
    result: doc(z.enum(['Accepted', 'Ignored']), 'Whether it was carried out.'),
    message: text('Why it was ignored.').optional(),
  }),
  'The last promote, abort or retry that was seen.',
);

const HandledCommands = doc(
  z.object({ promote: text('Of promote.').optional(), abort: text('Of abort.').optional(), retry: text('Of retry.').optional() }),
  'Values of the command annotations that were already seen: each counts once.',
);

export const RolloutStatus = doc(
  z.object({
    state: doc(z.enum(ROLLOUT_STATES), 'Where the rollout is.'),
    stable: text('Revision that serves by default (blue-green: active).').optional(),
    candidate: text('Revision on its way (blue-green: preview).').optional(),
    previous: text('The former stable revision, kept for scaleDownDelay after a switch.').optional(),
    previousUntil: instant('When the former revision is scaled down.').optional(),
    step: count('Index of the present step.').optional(),
    steps: count('How many steps there are.').optional(),
    plan: text('The strategy as it was when this rollout began (JSON): edits count from the next one on.').optional(),
    weight: weight('Percent of the traffic that the rollout wants the candidate to have now.').optional(),
    promote: text('During a pause: the value of the promote annotation that ends this pause and no other.').optional(),
    since: instant('When the present state or step began.').optional(),
    progressAt: instant('When progress was last seen; progressDeadline counts from here.').optional(),
    progressReady: count('Most ready candidate pods seen in this state; more of them is progress.').optional(),
    progressBytes: doc(z.int().min(0), 'Most bytes of the package downloaded in this state; more of them is progress.').optional(),
    pausedAt: instant('Since when spec.rollout.paused or zero replicas hold the rollout; its clocks stand still.').optional(),
    cause: doc(z.object({ reason: text('From the catalogue.'), message: text('The same as a sentence.') }), 'Why the candidate was given up.').optional(),
    reason: text('Why it is where it is, from the catalogue.').optional(),
    message: text('The same as a sentence.').optional(),
    handled: HandledCommands.optional(),
    lastCommand: LastCommand.optional(),
  }),
  'Position of the rollout.',
);
export type RolloutStatus = z.infer<typeof RolloutStatus>;

export const RevisionStatus = doc(
  z.object({
    name: text('Name of the revision, its Deployment and its Service.'),
    role: doc(z.enum(['stable', 'canary', 'preview', 'previous', 'rejected', 'retired']), 'Part that it plays now.'),
    modelVersion: text('Model version that callers see.'),
    sequence: count('Number for protocols whose versions are integers.'),
    desired: count('Pods that it shall have.'),
    ready: count('Pods that are ready.'),
    digest: text('Digest of its package, pinned by the first ready pod.').optional(),
  }),
  'One revision.',
);
export type RevisionStatus = z.infer<typeof RevisionStatus>;

const TrafficShare = doc(
  z.object({ revision: text('Revision.'), modelVersion: text('Its model version.'), weight: weight('Percent of the traffic.') }),
  'Share of one revision.',
);

const SummaryStatus = doc(
  z.object({
    ready: text('Ready pods of the wanted ones, such as 2/2.').optional(),
    canary: text('Hash of the candidate.').optional(),
    weight: text("The candidate's acknowledged weight.").optional(),
    step: text('Present step of how many.').optional(),
    reason: text('First blocking cause.').optional(),
    version: text('Model version that serves.').optional(),
    stable: text('Hash of the stable revision.').optional(),
  }),
  'Texts of the columns of `kubectl get`; blank where there is nothing.',
);

export const InferenceServiceStatus = doc(
  z.object({
    observedGeneration: count('Generation of the spec that this status was decided from.').optional(),
    url: text('URL of the service inside the cluster.').optional(),
    previewUrl: text('URL of the blue-green preview.').optional(),
    replicas: count('Pods of the stable revision; read by /scale.').optional(),
    readyReplicas: count('Ready pods of the stable revision.').optional(),
    selector: text('Selector of the pods of the stable revision; read by /scale.').optional(),
    phase: doc(z.enum(['Pending', 'Progressing', 'Paused', 'Healthy', 'Degraded', 'Terminating']).optional(), 'All conditions in one word.'),
    ports: doc(
      z.object({ public: doc(z.int(), 'Port behind the URL.'), preview: doc(z.int(), 'Port behind the preview URL.') }).optional(),
      'Ports on the router pods; they never change.',
    ),
    rollout: RolloutStatus.optional(),
    traffic: kube(z.array(TrafficShare), { description: 'What the routers acknowledged, not what was intended.', listType: 'atomic' }).optional(),
    route: doc(
      z.object({
        sequence: count('Number of the newest routes.'),
        acknowledged: count('Number that every ready router serves.').optional(),
        hash: text('Hash of the newest routes.'),
        weights: kube(z.array(z.object({ revision: text('Revision.'), weight: weight('Percent of the traffic.') })), { description: 'Shares that the newest routes carry.', listType: 'atomic' }).optional(),
      }).optional(),
      'Routes given to the routers.',
    ),
    revisions: kube(z.array(RevisionStatus), { description: 'Revisions that run or are kept for undo.', listType: 'map', listMapKeys: ['name'] }).optional(),
    revisionSequence: count('The last number given to a revision.').optional(),
    summary: SummaryStatus.optional(),
    conditions: kube(z.array(Condition), { description: 'Conditions; wait on RolledOut in CI, on Ready to call.', listType: 'map', listMapKeys: ['type'] }).optional(),
  }),
  'What was seen and decided; written by the operator only.',
);
export type InferenceServiceStatus = z.infer<typeof InferenceServiceStatus>;
