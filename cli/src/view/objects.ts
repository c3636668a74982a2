// Owns the shapes of the cluster's objects as the views read them: everything that the API server may leave out is optional.
// Must not know how they were fetched.
import type { InferenceServiceSpec, InferenceServiceStatus } from '@slipway/api';

export interface Metadata {
  name: string;
  namespace?: string;
  uid?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: { uid: string }[];
}

export interface Service {
  apiVersion: string;
  kind: string;
  metadata: Metadata;
  spec: Partial<InferenceServiceSpec>;
  status?: InferenceServiceStatus;
}

/** The part of a spec that makes pods, as a revision records it. */
export interface RecordedSpec {
  model?: { storageUri?: string; version?: string };
  runtime?: unknown;
  resources?: unknown;
  podTemplate?: unknown;
}

export interface Revision {
  metadata: Metadata;
  revision: number;
  data?: { spec?: RecordedSpec; modelVersion?: string };
}

interface ContainerState {
  waiting?: { reason?: string; message?: string };
  running?: unknown;
  terminated?: { reason?: string; exitCode?: number; message?: string };
}

export interface Container {
  name: string;
  ready?: boolean;
  restartCount?: number;
  /** Another one after each restart. */
  containerID?: string;
  state?: ContainerState;
  lastState?: ContainerState;
}

export interface Pod {
  metadata: Metadata;
  status?: {
    phase?: string;
    reason?: string;
    message?: string;
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
    containerStatuses?: Container[];
    initContainerStatuses?: Container[];
  };
}

export interface Warning {
  metadata: Metadata;
  involvedObject?: { kind?: string; name?: string };
  reason?: string;
  message?: string;
  eventTime?: string | null;
  lastTimestamp?: string | null;
  series?: { count?: number; lastObservedTime?: string };
}

/** Everything about one InferenceService at one moment. `at`: milliseconds since the epoch. */
export interface Snapshot {
  at: number;
  service: Service;
  revisions: readonly Revision[];
  pods: readonly Pod[];
  /** What could not be read, as sentences. */
  gaps: readonly string[];
}
