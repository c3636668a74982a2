// The one shape of a cluster, whichever way it came about: the user's own, kind, or the local single-node Kubernetes.
// Everything after "there is a cluster" (images, chart, samples, tests) uses only this; choose.ts decides which one it
// is. It must not know how any of them works.

import type { Clients } from './clients.ts';

/** An image to be made available to the cluster's nodes. */
export interface Image {
  /** The name that pods use, with its tag. */
  readonly ref: string;
  /** Path of an OCI archive holding the image; without it the image is in Docker's own store under `ref`. */
  readonly archive?: string;
}

/** One port of a Service. */
export interface ServicePort {
  readonly namespace: string;
  readonly name: string;
  /** The Service's port, not its target port. */
  readonly port: number;
}

/** Where progress goes: one line of plain text at a time. */
export type Report = (line: string) => void;

/** A Kubernetes cluster that Slipway may install itself into. All operations can be repeated safely. */
export interface Cluster {
  readonly kind: 'context' | 'kind' | 'local';
  /** Why this kind was chosen, as one sentence for people. */
  readonly why: string;
  /** Path of the kubeconfig; complete once `up` has resolved. */
  readonly kubeconfig: string;
  /** Prefix of image names, without a trailing slash: images are `<registry>/operator:<tag>` and so on. */
  readonly registry: string;
  /** What `loadImages` needs: images in Docker's store, or OCI archives. */
  readonly images: 'docker' | 'archive';
  /** Paths of a kubectl and a helm that fit the cluster; built first where there are none. */
  clients(): Promise<Clients>;
  /** Creates the cluster, or finds it running; resolves when its node is ready and DNS answers. Repairs what broke. */
  up(): Promise<void>;
  /** Removes what `up` and `expose` made, even half-made; a cluster that is the user's own stays. */
  down(): Promise<void>;
  /** Makes images available to pods (imagePullPolicy IfNotPresent). Images that are already there cost little. */
  loadImages(images: readonly Image[]): Promise<void>;
  /** Gives a Service an address on 127.0.0.1 that lasts until `down`; the same Service gets the same URL again. */
  expose(service: ServicePort): Promise<string>;
  /** A command line that runs `command` where pods and Services have addresses. Throws if this kind of cluster has no such place. */
  inNetwork(command: readonly string[]): [string, ...string[]];
}
