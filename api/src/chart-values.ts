// Owns the schema of charts/slipway/values.yaml. Must not know templates. Unknown keys are refused, so that a typo never passes silently.
import { z } from 'zod';

const quantity = z.union([z.string(), z.number()]);
const resources = z.strictObject({ requests: z.record(z.string(), quantity).optional(), limits: z.record(z.string(), quantity).optional() });
const text = z.string();
const stringMap = z.record(text, text);
const name = z.string().regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/).max(253);

const Images = z
  .strictObject({
    registry: text.describe('Registry and path in front of operator, router, server and server-onnx. Required unless operator, router and server are given.'),
    tag: z.union([text, z.int()]).describe("Tag of all images. Default: the chart's appVersion."),
    pullPolicy: z.enum(['IfNotPresent', 'Always', 'Never']).describe('Pull policy of the operator image; serving pods and routers use IfNotPresent.'),
    operator: text.describe('Complete image of the operator, instead of registry and tag.'),
    router: text.describe('Complete image of the router, instead of registry and tag.'),
    server: text.describe('Complete image of the server, instead of registry and tag.'),
    'server-onnx': text.describe('Complete image of the smaller server for models whose format is onnx. Without it and without a registry, those run the server image.'),
  })
  .describe('Images of Slipway.');

const Operator = z
  .strictObject({
    replicas: z.int().min(1).max(5).describe('Replicas; one leads, the others wait.'),
    resources,
    nodeSelector: stringMap,
    tolerations: z.array(z.looseObject({})),
    affinity: z.looseObject({}),
    priorityClassName: text,
    podAnnotations: stringMap,
    podLabels: stringMap,
  })
  .describe('The operator.');

const Router = z
  .strictObject({
    replicas: z.int().min(1).max(20).describe('Routers in each namespace that has an InferenceService.'),
    resources,
    nodeSelector: stringMap,
  })
  .describe('The routers that the operator makes.');

const ServiceMonitor = z
  .strictObject({
    enabled: z.union([z.boolean(), z.literal('auto')]).describe('auto: made if the cluster has the ServiceMonitor CRD at install time.'),
    interval: text,
    labels: stringMap,
  })
  .describe("The ServiceMonitor of the operator's own metrics.");

const selector = z.strictObject({ matchLabels: stringMap.optional(), matchExpressions: z.array(z.looseObject({})).optional() });

const NetworkPolicy = z
  .strictObject({
    enabled: z.boolean().describe('Makes NetworkPolicies for the operator, and for routers and serving pods in every namespace with an InferenceService.'),
    prometheus: z
      .strictObject({ namespaceSelector: selector, podSelector: selector })
      .describe('The pods that scrape: beside the operator and the routers, only they reach admin ports.'),
  })
  .describe('Who reaches what. Needs a network plugin that enforces NetworkPolicy.');

const ChartValues = z.strictObject({
  images: Images,
  imagePullSecrets: z.array(name).describe('Names of Secrets for the images of Slipway. They must exist in the namespace of the operator and in every namespace with an InferenceService.'),
  watchNamespaces: z.array(name).describe('Namespaces that the operator looks after. Empty: all of them.'),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).describe('JSON lines from this level on.'),
  clusterDomain: text.min(1).describe("The cluster's DNS domain, as in the URLs of services."),
  operator: Operator,
  router: Router,
  serviceMonitor: ServiceMonitor,
  networkPolicy: NetworkPolicy,
  podDisruptionBudget: z.strictObject({ enabled: z.boolean() }).describe('Keeps one operator up while nodes are drained.'),
  rbac: z.strictObject({ aggregate: z.boolean().describe("Adds InferenceServices to the cluster's view, edit and admin roles.") }),
  crds: z.strictObject({ install: z.boolean().describe('Whether the chart installs and upgrades the CRD. It is kept on uninstall.') }),
  nameOverride: text,
  fullnameOverride: text,
  global: z.looseObject({}).describe('Values that Helm passes to every chart; not read.'),
});

/** JSON Schema of values.yaml. Helm checks values merged with the defaults, and `global` comes and goes, so nothing is required. */
export function chartValuesJsonSchema(): Record<string, unknown> {
  return { ...z.toJSONSchema(ChartValues.partial(), { io: 'input', target: 'draft-7' }), title: 'Values of charts/slipway' };
}
