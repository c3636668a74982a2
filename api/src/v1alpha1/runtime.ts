// Owns spec.runtime (bring your own server) and spec.resources. Must not know how pods are made.
import { z } from 'zod';
import { doc, kube } from '../meta.ts';
import { opaque, quantityMap } from './fields.ts';

const EnvVar = kube(
  z.object({
    name: doc(z.string().min(1).max(253), 'Name of the variable.'),
    value: doc(z.string().max(4096).optional(), 'Its value.'),
    valueFrom: opaque('Where the value comes from, as in a Kubernetes container: secretKeyRef, configMapKeyRef, fieldRef or resourceFieldRef.').optional(),
  }),
  { description: 'One variable.', cel: [{ rule: '!(has(self.value) && has(self.valueFrom))', message: 'give either value or valueFrom, not both' }] },
);

export const RuntimeSpec = kube(
  z.object({
    image: doc(z.string().min(1).max(512).regex(/^\S+$/), 'Image of your own model server. It must run as a non-root user.'),
    protocol: doc(z.enum(['http', 'grpc']).default('http'), 'What the server speaks on its port.'),
    port: doc(z.int().min(1).max(65_535).default(8080), 'Port the server listens on.'),
    readyPath: doc(
      z.string().max(512).regex(/^[/]\S*$/).optional(),
      'Path that answers 200 when the model is ready. Default: /. For protocol grpc, ready means that the port is open.',
    ),
    args: kube(z.array(z.string().max(4096)).max(64).optional(), { description: 'Arguments of the container.', listType: 'atomic' }),
    env: kube(z.array(EnvVar).max(64), { description: 'Variables of the container. MODEL_PATH (/mnt/models/current) and MODEL_NAME are set unless given here.', listType: 'map', listMapKeys: ['name'] }).optional(),
  }),
  {
    description: 'Bring your own server: any image gets the same releases. The package is mounted read-only at /mnt/models/current. A change here makes a new revision.',
    cel: [{ rule: "self.protocol != 'grpc' || !has(self.readyPath)", message: 'readyPath is asked over HTTP; remove it, or set protocol: http' }],
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
