// Owns the schema of InferenceService.spec: types, defaults, bounds, descriptions and CEL rules in one place.
// Must not know how any of it is carried out. A field enters together with the code that honours it.
import { z } from 'zod';
import { kube } from '../meta.ts';

const DURATION = /^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$/;
const duration = (what: string): z.ZodString => kube(z.string().max(32).regex(DURATION), { description: `${what} Go-style duration such as 90s, 2m or 1h30m.` });
const name = z.string().min(1).max(253).regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);
const stringMap = (max: number): z.ZodRecord<z.ZodString, z.ZodString> => kube(z.record(z.string(), z.string().max(4096)), { description: `At most ${max} entries.` });
/** Deep parts of the pod: passed on unchanged, checked by the API server in a dry-run apply of the Deployment. */
const opaque = z.looseObject({});
const opaqueList = (max: number): z.ZodArray<typeof opaque> => z.array(opaque).max(max);
const quantity = kube(z.union([z.string(), z.number()]), { intOrString: true });

export const ModelSpec = kube(
  z.object({
    storageUri: kube(z.string().min(1).max(2048), {
      description: 'Where the model package is: file://, pvc://CLAIM/PATH, s3://BUCKET/PREFIX or https://…(.tar.gz|.zip).',
      cel: [
        {
          rule: "self.matches('^(file:///|pvc://[a-z0-9]|s3://[A-Za-z0-9]|https://[^/]).*')",
          message: 'storageUri must start with file:///, pvc://CLAIM/, s3://BUCKET/ or https://; other schemes are not fetched yet',
        },
        { rule: "!self.contains('/../') && !self.endsWith('/..')", message: 'storageUri must not contain a .. segment; write the resolved path' },
      ],
    }),
    version: kube(z.string().min(1).max(63).regex(/^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/).optional(), {
      description: "Model version that callers see. Default: the package's own version, else the revision hash.",
    }),
    format: kube(z.enum(['saved-model', 'tfjs-graph', 'tfjs-layers']).optional(), { description: 'Model format. Default: found from the files.' }),
    sha256: kube(z.string().regex(/^[0-9a-f]{64}$/).optional(), { description: 'Pin of the package digest: pods that fetch other bytes do not start.' }),
    secretName: kube(name.optional(), { description: 'Secret with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, if needed, AWS_ENDPOINT_URL, AWS_REGION, AWS_SESSION_TOKEN.' }),
    warmup: z.object({ iterations: z.number().int().min(0).max(1000).default(3) }).optional(),
    batching: z
      .object({
        maxBatchSize: kube(z.number().int().min(1).max(4096).default(32), { description: 'Most items in one batch.' }),
        maxDelay: kube(duration('Longest wait for a fuller batch;').default('0s'), { description: 'Longest wait for a fuller batch; 0s takes what is queued when a worker is free.' }),
      })
      .optional(),
  }),
  {
    description: 'The model to serve.',
    cel: [{ rule: "!has(self.secretName) || self.storageUri.startsWith('s3://')", message: 'secretName is read for s3:// only; remove it or use an s3:// storageUri' }],
  },
);
export type ModelSpec = z.infer<typeof ModelSpec>;

export const RuntimeSpec = kube(
  z.object({
    image: kube(z.string().min(1).max(512), { description: 'Image of your own model server.' }),
    protocol: kube(z.enum(['http', 'grpc']).default('http'), { description: 'What the server speaks on its port.' }),
    port: kube(z.number().int().min(1).max(65_535).default(8080), { description: 'Port the server listens on.' }),
    readyPath: kube(z.string().max(512).regex(/^\//).default('/'), { description: 'Path that answers 200 when the model is ready.' }),
    args: z.array(z.string().max(4096)).max(64).optional(),
    env: kube(z.array(z.object({ name: z.string().min(1).max(253), value: z.string().max(4096).optional(), valueFrom: kube(opaque, { preserveUnknownFields: true }).optional() })).max(64), {
      listType: 'map',
      listMapKeys: ['name'],
    }).optional(),
  }),
  { description: 'Bring your own server: any image gets the same releases. The package is mounted at /mnt/models.' },
);
export type RuntimeSpec = z.infer<typeof RuntimeSpec>;

export const ResourcesSpec = kube(
  z.object({ requests: z.record(z.string(), quantity).optional(), limits: z.record(z.string(), quantity).optional() }),
  { description: 'Resources of the server container.' },
);
export type ResourcesSpec = z.infer<typeof ResourcesSpec>;

export const PodTemplateSpec = kube(
  z.object({
    labels: stringMap(64).optional(),
    annotations: stringMap(64).optional(),
    nodeSelector: stringMap(64).optional(),
    tolerations: kube(opaqueList(32), { listType: 'atomic', preserveUnknownFields: true }).optional(),
    affinity: kube(opaque, { preserveUnknownFields: true }).optional(),
    topologySpreadConstraints: kube(opaqueList(16), { listType: 'atomic', preserveUnknownFields: true }).optional(),
    serviceAccountName: name.optional(),
    imagePullSecrets: kube(z.array(z.object({ name })).max(16), { listType: 'map', listMapKeys: ['name'] }).optional(),
    priorityClassName: name.optional(),
    securityContext: kube(opaque, { preserveUnknownFields: true }).optional(),
    volumes: kube(opaqueList(32), { listType: 'atomic', preserveUnknownFields: true }).optional(),
    initContainers: kube(opaqueList(8), { listType: 'atomic', preserveUnknownFields: true }).optional(),
    sidecars: kube(opaqueList(8), { listType: 'atomic', preserveUnknownFields: true }).optional(),
  }),
  { description: 'Additions to the serving pods. A closed list; its deep parts are checked by the API server.' },
);
export type PodTemplateSpec = z.infer<typeof PodTemplateSpec>;

export const CanaryStep = kube(
  z.object({
    setWeight: kube(z.number().int().min(0).max(100).optional(), { description: 'Percent of the traffic that the candidate gets.' }),
    pause: kube(z.object({ duration: duration('How long to wait;').optional() }).optional(), {
      description: 'Wait for a duration or, without one, until somebody promotes.',
    }),
  }),
  { cel: [{ rule: 'has(self.setWeight) != has(self.pause)', message: 'a step is either {setWeight: N} or {pause: {…}}; split it into two steps' }] },
);
export type CanaryStep = z.infer<typeof CanaryStep>;

export const RolloutSpec = kube(
  z.object({
    strategy: kube(z.enum(['RollingUpdate', 'Canary', 'BlueGreen']).default('RollingUpdate'), { description: 'How a new revision takes over.' }),
    paused: kube(z.boolean().default(false), { description: 'Holds a rollout where it is; takes effect at once.' }),
    rollingUpdate: z
      .object({
        maxSurge: kube(z.union([z.string(), z.number()]).default('25%'), {
          description: 'Pods above replicas during a rolling update: a number or a percentage, at least 1 in effect.',
          intOrString: true,
          cel: [{ rule: "type(self) == int ? self >= 1 : self.matches('^[1-9][0-9]?%$|^100%$')", message: 'maxSurge must be a number of at least 1 or a percentage from 1% to 100%' }],
        }),
      })
      .optional(),
    canary: z
      .object({
        steps: kube(z.array(CanaryStep).min(1).max(50), {
          description: 'Taken in order; after the last one the candidate gets everything.',
          listType: 'atomic',
        }),
      })
      .optional(),
    blueGreen: z
      .object({
        autoPromote: kube(z.boolean().default(false), { description: 'Switch as soon as the preview is ready, without waiting for promote.' }),
        scaleDownDelay: kube(duration('How long the old revision stays after the switch;').default('60s'), { description: 'How long the old revision stays, ready to switch back to.' }),
      })
      .optional(),
    progressDeadline: kube(duration('Longest wait without progress;').default('10m'), { description: "Ends every wait except a human's pause." }),
    revisionHistoryLimit: kube(z.number().int().min(0).max(100).default(10), { description: 'Old revisions kept for undo.' }),
  }),
  {
    description: 'How new revisions go out.',
    cel: [
      { rule: "!has(self.canary) || self.strategy == 'Canary'", message: 'canary is set but strategy is not Canary; set strategy: Canary or remove canary' },
      { rule: "!has(self.blueGreen) || self.strategy == 'BlueGreen'", message: 'blueGreen is set but strategy is not BlueGreen; set strategy: BlueGreen or remove blueGreen' },
      { rule: "!has(self.rollingUpdate) || self.strategy == 'RollingUpdate'", message: 'rollingUpdate is set but strategy is not RollingUpdate; set strategy: RollingUpdate or remove rollingUpdate' },
      { rule: "self.strategy != 'Canary' || has(self.canary)", message: 'strategy Canary needs canary.steps, for example [{setWeight: 10}, {pause: {duration: 2m}}]' },
    ],
  },
);
export type RolloutSpec = z.infer<typeof RolloutSpec>;

const origins = z.array(z.string().min(1).max(253)).max(32);
export const CorsSpec = z.object({
  allowOrigins: kube(origins.min(1), { description: 'Origins that may call, or "*".' }),
  allowMethods: z.array(z.string().max(16)).max(16).optional(),
  allowHeaders: z.array(z.string().max(128)).max(64).optional(),
  exposeHeaders: z.array(z.string().max(128)).max(64).optional(),
  allowCredentials: z.boolean().optional(),
  maxAge: duration('How long browsers may cache a preflight;').optional(),
});

export const TrafficSpec = kube(
  z.object({
    timeout: kube(duration('Longest time for one request;').default('60s'), { description: 'Longest time for one request, body included.' }),
    retry: kube(z.enum(['Auto', 'Never']).default('Auto'), { description: 'Auto re-sends to another pod what no pod has answered yet.' }),
    cors: CorsSpec.optional(),
  }),
  { description: 'How requests are treated.' },
);
export type TrafficSpec = z.infer<typeof TrafficSpec>;

export const MonitoringSpec = kube(
  z.object({
    serviceMonitor: z
      .object({
        enabled: z.boolean().default(true),
        interval: duration('Scrape interval;').default('15s'),
        labels: stringMap(32).optional(),
      })
      .prefault({}),
  }),
  { description: 'Prometheus scraping; a ServiceMonitor is made when its CRD exists.' },
);
export type MonitoringSpec = z.infer<typeof MonitoringSpec>;

export const InferenceServiceSpec = kube(
  z.object({
    model: ModelSpec,
    runtime: RuntimeSpec.optional(),
    resources: ResourcesSpec.optional(),
    podTemplate: PodTemplateSpec.optional(),
    replicas: kube(z.number().int().min(0).max(1000).default(1), { description: 'Serving pods of the stable revision. Autoscalers write it through /scale.' }),
    rollout: RolloutSpec.prefault({}),
    traffic: TrafficSpec.prefault({}),
    monitoring: MonitoringSpec.prefault({}),
  }),
  { description: 'What to serve and how.' },
);
export type InferenceServiceSpec = z.infer<typeof InferenceServiceSpec>;
