// The local single-node Kubernetes as a Cluster.
import { builtClients } from '../clients.ts';
import type { Cluster } from '../cluster.ts';
import { layoutOf } from './layout.ts';
import { down, up, type UpOptions } from './lifecycle.ts';
import { expose, inNetwork, loadImages } from './services.ts';

/** Prefix of all images of a local cluster. No such host exists: images come from archives, never from a registry. */
const REGISTRY = 'slipway.local';

/** The local cluster of that id; nothing happens before one of its methods is called. */
export function localCluster(id: string, why: string, options: UpOptions): Cluster {
  return {
    kind: 'local',
    why,
    kubeconfig: layoutOf(id).kubeconfig,
    registry: REGISTRY,
    images: 'archive',
    clients: () => builtClients(options),
    up: () => up(id, options),
    down: () => down(id, options),
    loadImages: (images) => loadImages(id, images, options),
    expose: (service) => expose(id, service, options),
    inNetwork: (command) => inNetwork(id, command),
  };
}
