// Owns the only reads of a pass over one namespace: its InferenceServices and the routers' objects. Must not decide.
import { ROUTER_PORTS_CONFIGMAP, TrafficSpec, durationMs } from '@slipway/api';
import { NAMESPACES, isNotFound } from '@slipway/kube';
import type { Client, Clock, KubeObject } from '@slipway/kube';
import type { ObservedNamespace } from '../types.ts';
import { BY_NAMESPACE, BY_ROUTER } from './caches.ts';
import type { Caches } from './caches.ts';

export type ObserveNamespace = (namespace: string) => Promise<ObservedNamespace>;

type ServiceFacts = ObservedNamespace['isvcs'][number];

function serviceFactsOf(object: KubeObject): ServiceFacts {
  const { name, uid = '', deletionTimestamp } = object.metadata;
  const { ports } = (object['status'] ?? {}) as { ports?: { public: number; preview: number } };
  const traffic = TrafficSpec.safeParse((object['spec'] as { traffic?: unknown } | undefined)?.traffic ?? {});
  return {
    name,
    uid,
    deleting: deletionTimestamp !== undefined,
    ...(ports === undefined ? {} : { ports }),
    ...(traffic.success ? { timeoutSeconds: durationMs(traffic.data.timeout) / 1000 } : {}),
  };
}

async function isTerminating(client: Client, namespace: string): Promise<boolean> {
  try {
    const { metadata } = await client.get({ type: NAMESPACES, name: namespace }, { metadataOnly: true });
    return metadata.deletionTimestamp !== undefined;
  } catch (error) {
    if (isNotFound(error)) return true;
    throw error;
  }
}

/** The observer over the given caches. The namespace itself is asked for: passes over namespaces are rare, namespaces many. */
export function createObserveNamespace(options: { caches: Caches; client: Client; clock: Clock }): ObserveNamespace {
  const { caches, client, clock } = options;
  return async (namespace) => {
    const terminating = await isTerminating(client, namespace);
    const collections = [caches.deployments, ...caches.children()];
    const children = collections.flatMap((collection): KubeObject[] => collection.byIndex(BY_ROUTER, namespace));
    const portsConfigMap = children.find((object) => object.kind === 'ConfigMap' && object.metadata.name === ROUTER_PORTS_CONFIGMAP);
    return {
      at: clock.now(),
      namespace,
      terminating,
      isvcs: caches.inferenceServices.byIndex(BY_NAMESPACE, namespace).map(serviceFactsOf),
      ...(portsConfigMap === undefined ? {} : { portsConfigMap }),
      children: Object.fromEntries(children.map((object) => [`${object.kind}/${object.metadata.name}`, object])),
      apis: { podMonitor: caches.podMonitors.collection !== undefined },
    };
  };
}
