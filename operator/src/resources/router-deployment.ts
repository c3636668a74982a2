// Owns the Deployment of the routers of a namespace: the pods that every caller's request goes through.
// Must not know any route; listeners are opened from the watched table.
import { DRAIN_DELAY_SECONDS, PORTS, ROUTER_NAME, ROUTER_STATE_MOUNT, routerLabels } from '@slipway/api';
import type { KubeObject, NamespaceConfig } from '../types.ts';
import { constantEnv, fieldEnv } from './env.ts';
import { routerMetadata } from './router-metadata.ts';
import { OWN_CONTAINER, OWN_POD } from './security.ts';
import { spreadOver } from './spread.ts';

/** The grace period grows in these steps only, so that one more long timeout rarely rolls the routers. Seconds. */
const GRACE_STEPS = [60, 300, 900, 3600];

export type RouterConfig = Pick<NamespaceConfig, 'images' | 'routerReplicas' | 'imagePullSecrets' | 'nodeSelector' | 'resources'>;

/** `longestTimeout`: seconds, the longest spec.traffic.timeout in the namespace; running requests get that long to finish. */
export function routerDeploymentFor(namespace: string, config: RouterConfig, longestTimeout: number): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: routerMetadata(namespace),
    spec: {
      replicas: config.routerReplicas,
      revisionHistoryLimit: 2,
      selector: { matchLabels: routerLabels() },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: { metadata: { labels: routerLabels() }, spec: routerPod(config, longestTimeout) },
    },
  };
}

function routerPod(config: RouterConfig, longestTimeout: number): Record<string, unknown> {
  const grace = GRACE_STEPS.find((step) => step >= longestTimeout) ?? Math.ceil(longestTimeout);
  return {
    serviceAccountName: ROUTER_NAME,
    automountServiceAccountToken: true,
    enableServiceLinks: false,
    securityContext: OWN_POD,
    terminationGracePeriodSeconds: DRAIN_DELAY_SECONDS + grace,
    ...(config.imagePullSecrets.length === 0 ? {} : { imagePullSecrets: config.imagePullSecrets.map((name) => ({ name })) }),
    ...(Object.keys(config.nodeSelector).length === 0 ? {} : { nodeSelector: config.nodeSelector }),
    topologySpreadConstraints: spreadOver(routerLabels()),
    containers: [routerContainer(config)],
    volumes: [
      { name: 'state', emptyDir: {} },
      { name: 'tmp', emptyDir: {} },
    ],
  };
}

function routerContainer(config: RouterConfig): Record<string, unknown> {
  return {
    name: 'router',
    image: config.images.router,
    imagePullPolicy: 'IfNotPresent',
    env: [
      fieldEnv('POD_NAME', 'metadata.name'),
      fieldEnv('POD_NAMESPACE', 'metadata.namespace'),
      ...constantEnv({ ADMIN_PORT: String(PORTS.admin), STATE_DIR: ROUTER_STATE_MOUNT, DRAIN_DELAY_SECONDS: String(DRAIN_DELAY_SECONDS) }),
    ],
    ports: [{ name: 'admin', containerPort: PORTS.admin, protocol: 'TCP' }],
    resources: config.resources,
    startupProbe: { httpGet: { path: '/healthz', port: 'admin' }, periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 60 },
    readinessProbe: { httpGet: { path: '/readyz', port: 'admin' }, periodSeconds: 2, timeoutSeconds: 5, failureThreshold: 3 },
    livenessProbe: { httpGet: { path: '/healthz', port: 'admin' }, periodSeconds: 10, timeoutSeconds: 10, failureThreshold: 6 },
    securityContext: OWN_CONTAINER,
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      { name: 'state', mountPath: ROUTER_STATE_MOUNT },
      { name: 'tmp', mountPath: '/tmp' },
    ],
  };
}
