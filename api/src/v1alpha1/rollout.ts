// Owns spec.rollout: how a new revision takes over. Must not know how a rollout is carried out.
import { z } from 'zod';
import { doc, kube } from '../meta.ts';
import { duration } from './fields.ts';

const RollingUpdateSpec = doc(
  z.object({
    maxSurge: kube(z.union([z.int(), z.string()]).default('25%'), {
      description: 'Pods above replicas during the update: a number, or a percentage of replicas; at least 1 in effect.',
      intOrString: true,
      maxLength: 4,
      cel: [{ rule: "type(self) == int ? self >= 1 : self.matches('^([1-9][0-9]?|100)%$')", message: 'maxSurge must be a number of at least 1, or a percentage from 1% to 100%' }],
    }),
  }),
  'Settings of strategy RollingUpdate.',
);

const PauseStep = doc(z.object({ duration: doc(duration().optional(), 'How long to wait, as a duration such as 2m. Without it: until somebody promotes.') }), 'Wait here.');

export const CanaryStep = kube(
  z.object({
    setWeight: doc(z.int().min(0).max(100).optional(), 'Percent of the traffic that the candidate gets from here on.'),
    pause: PauseStep.optional(),
  }),
  { description: 'Either setWeight or pause.', cel: [{ rule: 'has(self.setWeight) != has(self.pause)', message: 'a step is either {setWeight: N} or {pause: {…}}; write two steps for both' }] },
);
export type CanaryStep = z.infer<typeof CanaryStep>;

const CanarySpec = doc(
  z.object({
    steps: kube(z.array(CanaryStep).min(1).max(50), { description: 'Taken in order; after the last one the candidate gets all traffic.', listType: 'atomic' }),
  }),
  'Settings of strategy Canary.',
);

const BlueGreenSpec = doc(
  z.object({
    autoPromote: doc(z.boolean().default(false), 'Switch as soon as the preview is ready, without waiting for somebody to promote.'),
    scaleDownDelay: doc(duration().default('60s'), 'How long the former revision stays ready to switch back to, as a duration such as 60s.'),
  }),
  'Settings of strategy BlueGreen.',
);

const onlyFor = (field: string, strategy: string): { rule: string; message: string } => ({
  rule: `!has(self.${field}) || self.strategy == '${strategy}'`,
  message: `${field} is set but strategy is not ${strategy}; set strategy: ${strategy} or remove ${field}`,
});

export const RolloutSpec = kube(
  z.object({
    strategy: doc(
      z.enum(['RollingUpdate', 'Canary', 'BlueGreen']).default('RollingUpdate'),
      'How a new revision takes over: RollingUpdate moves traffic with capacity, Canary follows steps, BlueGreen previews and switches at once.',
    ),
    paused: doc(z.boolean().default(false), 'Holds a rollout where it is. Takes effect at once; every other change of rollout counts from the next rollout on.'),
    rollingUpdate: RollingUpdateSpec.optional(),
    canary: CanarySpec.optional(),
    blueGreen: BlueGreenSpec.optional(),
    progressDeadline: kube(duration().default('10m'), {
      description: "Longest time without progress, as a duration such as 10m. Ends every wait except a human's pause.",
      cel: [{ rule: "duration(self) > duration('0s')", message: 'progressDeadline must be longer than 0s' }],
    }),
    revisionHistoryLimit: doc(z.int().min(0).max(100).default(10), 'Former revisions kept for undo.'),
  }),
  {
    description: 'How a new revision goes out.',
    cel: [
      onlyFor('rollingUpdate', 'RollingUpdate'),
      onlyFor('canary', 'Canary'),
      onlyFor('blueGreen', 'BlueGreen'),
      { rule: "self.strategy != 'Canary' || has(self.canary)", message: 'strategy Canary needs canary.steps, for example [{setWeight: 10}, {pause: {duration: 2m}}]' },
    ],
  },
);
export type RolloutSpec = z.infer<typeof RolloutSpec>;
