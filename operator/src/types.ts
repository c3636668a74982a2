// Owns the values that travel between observe (the only reads), the pure core (planFor) and act (the only writes).
// Must not know how any of the three works. Everything is plain data; the clock reading is observed.at.
import type { FetchProgress, InferenceService, InferenceServiceStatus, ModelSpec, PodTemplateSpec, ResourcesSpec, RouterReport, RuntimeSpec, ServerState } from '@slipway/api';
import type { KubeObject } from '@slipway/kube';

export type { KubeObject, OwnerReference } from '@slipway/kube';

/** The part of the spec that makes pods; equal parts (after defaulting) are the same revision. */
export interface RevisionSpec {
  model: ModelSpec;
  runtime?: RuntimeSpec | undefined;
  resources?: ResourcesSpec | undefined;
  podTemplate?: PodTemplateSpec | undefined;
}

/** `data` of a revision's ControllerRevision: everything needed to re-apply it without rendering again. */
export interface RevisionRecord {
  spec: RevisionSpec;
  images: { server: string; fetch: string };
  /** Model version callers see unless the package says otherwise. */
  modelVersion: string;
  /** Complete objects except replicas and owner references. */
  deployment: KubeObject;
  service: KubeObject;
}

export interface ContainerFacts {
  name: string;
  init: boolean;
  ready: boolean;
  restarts: number;
  /** Waiting reason such as ImagePullBackOff, CreateContainerConfigError, CrashLoopBackOff. */
  waiting?: { reason: string; message: string };
  running?: boolean;
  /** Present or last termination; message is the termination message (JSON report or the last log lines). */
  terminated?: { reason: string; exitCode: number; message: string };
}

export interface PodFacts {
  name: string;
  uid: string;
  ip?: string;
  ready: boolean;
  /** When the pod became ready, while it is. */
  readySince?: number;
  deleting: boolean;
  phase: string;
  createdAt: number;
  /** PodScheduled=False message, if the scheduler refused it. */
  unschedulable?: string;
  /** The most of each resource (cores, bytes, pieces) that one node has free, where the scheduler lacks some and it could be found out. */
  room?: Record<string, number>;
  /** Admission or kubelet refusal (status.reason/message of a failed pod). */
  failed?: { reason: string; message: string };
  containers: ContainerFacts[];
  /** Warning events' last message by reason (FailedMount, Unhealthy …), where gathered. */
  warnings?: Record<string, string>;
  /** `/state` of the server; only asked of pods that are not ready, or whose digest is not pinned yet. */
  state?: ServerState;
  /** `/progress` of slipway-fetch, only while the init container runs. */
  progress?: FetchProgress;
}

export interface DeploymentFacts {
  uid: string;
  resourceVersion: string;
  generation: number;
  observedGeneration: number;
  /** spec.replicas as the API server has it. */
  replicas: number;
  readyReplicas: number;
  /** Message of ReplicaFailure (quota, admission, missing ServiceAccount), if True. */
  replicaFailure?: { reason: string; message: string };
}

export interface RevisionFacts {
  name: string;
  hash: string;
  /** ControllerRevision.revision: rises with every new revision of this InferenceService. */
  sequence: number;
  createdAt: number;
  uid: string;
  resourceVersion: string;
  record: RevisionRecord;
  deployment?: DeploymentFacts;
  /** Ready addresses in the revision Service's EndpointSlices. */
  readyEndpoints: number;
  /** Digest pinned in the ConfigMap `<revision>-package`. */
  pinnedDigest?: string;
  pods: PodFacts[];
}

/** What the routers of the namespace say. Only asked while the route is not acknowledged; `asked` tells. */
export interface RouterFacts {
  /** Router Deployment exists and how many of its pods are Ready. */
  ready: number;
  asked: boolean;
  pods: { name: string; ready: boolean; report?: RouterReport; unreachable?: string }[];
  /** Only while none is ready: what there is of them. `replicaFailure`: why the API server takes no pods. */
  absent?: { deployment: KubeObject; replicaFailure?: string; pods: PodFacts[] };
}

/** A write of the last pass that failed; the next plan shows it in the status. */
export interface Failure {
  kind: 'NameTaken' | 'InvalidPodTemplate' | 'Forbidden' | 'ApplyFailed';
  object: string;
  message: string;
}

export interface Observed {
  /** Milliseconds since the epoch: the one clock reading of the pass. */
  at: number;
  /** Milliseconds by which the wall clock was set since the times in the status were recorded; absent: it was not. */
  clockStepMs?: number;
  /** Spec after defaulting (zod). */
  isvc: InferenceService;
  /** Problems zod found in the raw spec that the CRD let through; the plan turns them into InvalidSpec. */
  invalid?: string;
  revisions: RevisionFacts[];
  /** Objects of ours that belong to a revision without a record: somebody deleted it while no operator ran. */
  strays?: { revision: string; ref: Ref }[];
  /** Other children owned by this isvc as they are now, by `Kind/name` (Service, PodDisruptionBudget, ServiceMonitor, ConfigMap). */
  children: Record<string, KubeObject>;
  /** Ports given to this isvc by the namespace reconciler. */
  ports?: { public: number; preview: number };
  routers: RouterFacts;
  /** Whether the kind is served by the API server and its objects are known; `trouble`: why they are not although it is served. */
  apis: { serviceMonitor: boolean; trouble?: string };
  failures: Failure[];
}

export interface OperatorImages {
  server: string;
  /** A smaller server that runs ONNX only. Absent: `server` runs that too. */
  serverOnnx?: string;
  router: string;
}

export interface PlanConfig {
  images: OperatorImages;
  clusterDomain: string;
  /** Secrets for the images of ours, added to those of podTemplate; they must exist in every namespace with an InferenceService. */
  imagePullSecrets?: string[];
}

/** Port allocation of a namespace: data["ports.json"] of the ConfigMap slipway-router-ports. */
export interface PortAllocation {
  /** By uid of the InferenceService. */
  allocated: Record<string, { public: number; preview: number }>;
  /** Ports given back, with the time in milliseconds since the epoch; not reused for PORT_REUSE_DELAY_MS. */
  released: { port: number; at: number }[];
}

/** One object of full intent; applied in order with server-side apply. */
export interface Intent {
  object: KubeObject;
  /** Resource version the decision was made from: scale-downs, route writes. A mismatch is a conflict and the pass ends quietly. */
  resourceVersion?: string;
}

export interface Ref {
  apiVersion: string;
  kind: string;
  name: string;
  namespace: string;
  uid: string;
  resourceVersion?: string;
}

export interface EventIntent {
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
}

export interface Plan {
  /** ControllerRevisions that somebody deleted, to be created again as they were. */
  restored: KubeObject[];
  /** A new ControllerRevision to create before the status names it. */
  revision?: KubeObject;
  status: InferenceServiceStatus;
  objects: Intent[];
  prune: Ref[];
  events: EventIntent[];
  /** Milliseconds since the epoch. */
  wakeAt?: number;
}

/** Facts for the per-namespace reconciler, which owns the routers and the port allocation. */
export interface ObservedNamespace {
  at: number;
  namespace: string;
  terminating: boolean;
  isvcs: {
    name: string;
    uid: string;
    deleting: boolean;
    ports?: { public: number; preview: number };
    /** spec.traffic.timeout: the routers' grace period must cover the longest. */
    timeoutSeconds?: number;
  }[];
  /** The ConfigMap slipway-router-ports, if it exists. */
  portsConfigMap?: KubeObject;
  /** Router objects as they are, by `Kind/name`. */
  children: Record<string, KubeObject>;
  apis: { podMonitor: boolean };
}

export interface NamespaceConfig {
  images: OperatorImages;
  routerClusterRole: string;
  routerReplicas: number;
  imagePullSecrets: string[];
  nodeSelector: Record<string, string>;
  resources: { requests?: Record<string, string>; limits?: Record<string, string> };
  /** Who reaches the admin ports of serving pods and routers; undefined: no NetworkPolicy is made, and those that were made go. */
  networkPolicy?: NetworkPeers;
}

/** `from` of a NetworkPolicy: pods by their labels and those of their namespace. */
export interface NetworkPeer {
  namespaceSelector?: LabelSelector;
  podSelector?: LabelSelector;
}

export interface LabelSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

export interface NetworkPeers {
  operator: NetworkPeer;
  prometheus: NetworkPeer;
}

export interface NamespacePlan {
  objects: Intent[];
  prune: Ref[];
  wakeAt?: number;
}
