// Which NodePort leads to a Service, and the Service that opens it: a pure computation over the Services there are.
import type { ServicePort } from './cluster.ts';

/** The NodePorts that kind-config.yaml maps to 127.0.0.1. */
export const NODE_PORTS: readonly number[] = [30080, 30081, 30082, 30083];

/** What is read of a Service. */
export interface Service {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly selector?: Readonly<Record<string, string>>;
    readonly ports?: readonly { readonly port: number; readonly targetPort?: number | string; readonly nodePort?: number }[];
  };
}

/** A NodePort, and the Service to be made for it unless it is there. */
export interface NodePort {
  readonly nodePort: number;
  readonly manifest?: { readonly name: string; readonly port: number; readonly targetPort: number | string; readonly selector: string };
}

/** Throws an Error if there is no such Service or port, if it selects no pods, or if all mapped NodePorts are taken. */
export function nodePortService(services: readonly Service[], wanted: ServicePort, mapped: readonly number[]): NodePort {
  const name = `${wanted.name}-${wanted.port}-nodeport`;
  const find = (each: string): Service | undefined => services.find(({ metadata }) => metadata.namespace === wanted.namespace && metadata.name === each);
  const open = find(name)?.spec.ports?.[0]?.nodePort;
  if (open !== undefined) return { nodePort: open };
  const taken = new Set(services.flatMap((each) => each.spec.ports?.map((one) => one.nodePort) ?? []));
  const nodePort = mapped.find((each) => !taken.has(each));
  if (nodePort === undefined) throw new Error(`all NodePorts that kind-config.yaml maps are taken (${mapped.join(', ')})`);
  return { nodePort, manifest: { name, ...reachedBy(find(wanted.name), wanted) } };
}

function reachedBy(service: Service | undefined, wanted: ServicePort): { port: number; targetPort: number | string; selector: string } {
  const port = service?.spec.ports?.find((each) => each.port === wanted.port);
  if (port === undefined || service?.spec.selector === undefined) throw new Error(`no Service ${wanted.namespace}/${wanted.name} with port ${wanted.port} and a selector`);
  const selector = Object.entries(service.spec.selector).map((pair) => pair.join('=')).join(',');
  return { port: wanted.port, targetPort: port.targetPort ?? port.port, selector };
}
