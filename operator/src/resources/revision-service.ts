// Owns the headless Service of a revision: its EndpointSlices tell routers the ready pods, and ServiceMonitors select it.
// Must not know releases or routers.
import { LABELS, PORTS, revisionLabels } from '@slipway/api';
import type { RuntimeSpec } from '@slipway/api';
import type { KubeObject } from '../types.ts';
import type { RevisionInput } from './revision-input.ts';
import { runtimePorts } from './runtime-conventions.ts';

interface ServicePort {
  name: string;
  port: number;
  protocol: 'TCP';
  targetPort: string;
  appProtocol?: string;
}

const H2C = { appProtocol: 'kubernetes.io/h2c' } as const;
const tcp = (name: string, port: number, targetPort = name): ServicePort => ({ name, port, protocol: 'TCP', targetPort });

/** Headless, ready addresses only. The EndpointSlice controller copies its labels, which is how routers find the slices. */
export function renderService({ isvc, revision }: RevisionInput): KubeObject {
  const { name, namespace } = isvc.metadata;
  const { runtime } = isvc.spec;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: revision, namespace, labels: revisionLabels(name, revision) },
    spec: {
      type: 'ClusterIP',
      clusterIP: 'None',
      publishNotReadyAddresses: false,
      selector: { [LABELS.revision]: revision },
      ports: runtime === undefined ? [tcp('http', PORTS.server), tcp('admin', PORTS.admin)] : portsOf(runtime),
    },
  };
}

function portsOf(runtime: RuntimeSpec): ServicePort[] {
  const { port, grpcPort, metrics } = runtimePorts(runtime);
  const http = { ...tcp('http', port), ...(runtime.protocol === 'grpc' ? H2C : {}) };
  return [http, ...(grpcPort === undefined ? [] : [{ ...tcp('grpc', grpcPort), ...H2C }]), ...(metrics === undefined ? [] : [metricsPort(metrics.port, port, grpcPort)])];
}

/** A Service cannot have a number twice; of a headless one only name and target matter, so metrics get a free number. */
function metricsPort(metrics: number, port: number, grpcPort: number | undefined): ServicePort {
  const target = metrics === port ? 'http' : metrics === grpcPort ? 'grpc' : 'metrics';
  const free = [metrics, PORTS.admin, PORTS.admin + 1, PORTS.admin + 2].find((each) => each !== port && each !== grpcPort);
  return tcp('metrics', free ?? metrics, target);
}

/** Where the routers find the pods of a recorded revision. */
export function recordedPorts(service: KubeObject): { port: number; grpcPort?: number } {
  const { ports = [] } = service['spec'] as { ports?: ServicePort[] };
  const numberOf = (name: string): number | undefined => ports.find((each) => each.name === name)?.port;
  const grpcPort = numberOf('grpc');
  return { port: numberOf('http') ?? PORTS.server, ...(grpcPort === undefined ? {} : { grpcPort }) };
}
