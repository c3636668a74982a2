// Owns spec.runtime (bring your own server) and spec.resources. Must not know how pods are made.
import { z } from 'zod';
import { doc, kube } from '../meta.ts';
import { RUNTIME_PROTOCOLS, RUNTIMES } from '../runtimes.ts';
import { opaque, quantityMap } from './fields.ts';

const EnvVar = kube(
  z.object({
    name: doc(z.string().min(1).max(253), 'Name of the variable.'),
    value: doc(z.string().max(4096).optional(), 'Its value.'),
    valueFrom: opaque('Where the value comes from, as in a Kubernetes container: secretKeyRef, configMapKeyRef, fieldRef or resourceFieldRef.').optional(),
  }),
  { description: 'One variable.', cel: [{ rule: '!(has(self.value) && has(self.valueFrom))', message: 'give either value or valueFrom, not both' }] },
);

const port = (what: string): z.ZodOptional<z.ZodInt> => doc(z.int().min(1).max(65_535).optional(), what);

/** A CEL map from protocol to a number of the table, 0 where it has none. */
const numbers = (of: (protocol: (typeof RUNTIME_PROTOCOLS)[number]) => number | undefined): string =>
  `{${RUNTIME_PROTOCOLS.map((protocol) => `'${protocol}': ${String(of(protocol) ?? 0)}`).join(', ')}}[self.protocol]`;
const PORT = `(has(self.port) ? self.port : ${numbers((protocol) => RUNTIMES[protocol].port)})`;
const GRPC_PORT = `(has(self.grpcPort) ? self.grpcPort : ${numbers((protocol) => RUNTIMES[protocol].grpcPort)})`;

const RuntimeMetrics = doc(
  z.object({
    port: doc(z.int().min(1).max(65_535), 'Port of the metrics; it may be the one of the calls.'),
    path: doc(z.string().max(512).regex(/^[/]\S*$/).default('/metrics'), 'Path of the metrics.'),
  }),
  "Where Prometheus finds the server's metrics. Default: by protocol.",
);

export const RuntimeSpec = kube(
  z.object({
    image: doc(z.string().min(1).max(512).regex(/^\S+$/), 'Image of your own model server. It must run as a non-root user.'),
    protocol: doc(z.enum(RUNTIME_PROTOCOLS).default('http'), 'Which server it is. Fills in what the other fields leave out, by the table in docs/reference/runtimes.md.'),
    port: port('Port of its HTTP calls; with protocol grpc, of its gRPC calls. Default: by protocol.'),
    grpcPort: port('Port of its gRPC calls, where it is another one. Default: by protocol; where that has none, gRPC goes to port.'),
    readyPath: doc(
      z.string().max(512).regex(/^[/]\S*$/).optional(),
      'Path that answers 200 when the model is ready. Default: by protocol. For protocol grpc, ready means that the port is open, or what readyService says.',
    ),
    readyService: doc(z.string().max(253).regex(/^[A-Za-z0-9._/-]*$/).optional(), 'With protocol grpc: service that grpc.health.v1 is asked about; an empty text asks about the server as a whole.'),
    mountPath: doc(z.string().max(512).regex(/^([/][A-Za-z0-9_-][A-Za-z0-9._-]*)+$/).optional(), 'Folder where the package lies, read-only. Default: by protocol.'),
    args: kube(z.array(z.string().max(4096)).max(64).optional(), {
      description: "Arguments of the container, in place of the protocol's. $(MODEL_NAME) and other variables are filled in.",
      listType: 'atomic',
    }),
    env: kube(z.array(EnvVar).max(64), {
      description: "Variables of the container. Those of the protocol, MODEL_PATH (the package's folder) and MODEL_NAME are set unless given here.",
      listType: 'map',
      listMapKeys: ['name'],
    }).optional(),
    metrics: RuntimeMetrics.optional(),
    readOnlyRootFilesystem: doc(z.boolean().default(false), 'Whether the root file system of the container is read-only; /tmp stays writable.'),
  }),
  {
    description: 'Bring your own server: any image gets the same releases. The package is mounted read-only. A change here makes a new revision.',
    cel: [
      { rule: "self.protocol != 'grpc' || !has(self.readyPath)", message: 'readyPath is asked over HTTP; remove it, or set protocol: http' },
      { rule: "self.protocol == 'grpc' || !has(self.readyService)", message: 'readyService is asked over gRPC; remove it, or set protocol: grpc' },
      { rule: "!has(self.grpcPort) || !(self.protocol in ['grpc', 'kserve-v1', 'sagemaker'])", message: 'protocol grpc takes its calls on port, and kserve-v1 and sagemaker have no gRPC; remove grpcPort, or set protocol: http' },
      { rule: `${PORT} != ${GRPC_PORT}`, message: 'port and grpcPort must differ; for a server that speaks both on one port, set protocol: http and leave grpcPort out' },
    ],
  },
);
export type RuntimeSpec = z.infer<typeof RuntimeSpec>;

export const ResourcesSpec = doc(
  z.object({
    requests: quantityMap('What the scheduler sets aside, for example {cpu: 100m, memory: 384Mi}.').optional(),
    limits: quantityMap('What the container may use at most, for example {memory: 1Gi}.').optional(),
  }),
  'Resources of the server container. A change here makes a new revision.',
);
export type ResourcesSpec = z.infer<typeof ResourcesSpec>;
