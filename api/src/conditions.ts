// Owns condition types and the finite catalogue of reasons, each with a sentence that says what to do. Pure.
// A reason that is not here does not exist: docs and tests are checked against this table.
import type { Condition } from './v1alpha1/status.ts';

export const CONDITION_TYPES = ['Ready', 'RolledOut', 'Progressing', 'Stalled', 'RoutesReady', 'ModelLoaded', 'MonitoringReady'] as const;
export type ConditionType = (typeof CONDITION_TYPES)[number];

/** What each condition means while it is True. */
export const CONDITION_MEANINGS: Record<ConditionType, string> = {
  Ready: 'The URL answers with the asked capacity. Stays True while a canary fails.',
  RolledOut: "The stable revision is the spec's revision.",
  Progressing: 'A rollout is moving by itself.',
  Stalled: 'Only a human can help.',
  RoutesReady: 'Every ready router serves the newest routes.',
  ModelLoaded: "The newest revision's model is loaded and warm.",
  MonitoringReady: 'The ServiceMonitor is applied. False never touches Ready or REASON.',
};

export interface ReasonEntry {
  /** What it means and what to do, one sentence. */
  advice: string;
  /** Only a human can help. */
  stalls?: boolean;
}

export const REASONS = {
  // well
  Serving: { advice: 'The URL answers with the asked capacity.' },
  RolledOut: { advice: 'The stable revision is the one in the spec.' },
  RoutesServed: { advice: 'Every ready router serves the newest routes.' },
  ModelReady: { advice: 'The newest revision is loaded and warm.' },
  NotStalled: { advice: 'Nothing waits for a human.' },
  NoRollout: { advice: 'No rollout is under way.' },
  MonitorApplied: { advice: 'The ServiceMonitor is in place.' },
  ScaledToZero: { advice: 'spec.replicas is 0; raise it to serve.' },
  // on the way
  Pending: { advice: 'The operator has not finished its first pass; wait a moment.' },
  CreatingPods: { advice: 'Pods are being created; wait.' },
  Downloading: { advice: 'The model package is being downloaded; wait.' },
  LoadingModel: { advice: 'The server loads and warms up the model; wait.' },
  WaitingForCapacity: { advice: 'The revision does not have enough ready pods yet; wait.' },
  WaitingForRouters: { advice: 'Routers have not all acknowledged the newest routes yet; wait.' },
  ShiftingTraffic: { advice: 'Traffic is being moved to the candidate.' },
  StepPause: { advice: 'A timed pause of the canary is running; it goes on by itself.' },
  AwaitingPromotion: { advice: 'The rollout waits for you: promote or abort it.' },
  Paused: { advice: 'spec.rollout.paused is true; set it to false to go on.' },
  Promoting: { advice: 'The candidate takes over.' },
  RollingBack: { advice: 'Traffic goes back to the stable revision.' },
  CommandAccepted: { advice: 'A promote, abort or retry is carried out.' },
  CommandIgnored: { advice: 'A promote, abort or retry named something else than what is there, or came at the wrong moment; see the message.' },
  Terminating: { advice: 'The InferenceService is being deleted.' },
  // needs a human
  Aborted: { advice: 'The candidate was aborted; change the spec, or annotate retry to try it again.', stalls: true },
  ProgressDeadlineExceeded: { advice: 'The rollout made no progress within progressDeadline; fix the cause and annotate retry, or change the spec.', stalls: true },
  InvalidSpec: { advice: 'The spec cannot be carried out as written; correct it.', stalls: true },
  InvalidPodTemplate: { advice: "The API server refuses the pods; correct the spec as its words say.", stalls: true },
  NameTaken: { advice: 'An object of that name belongs to somebody else; rename the InferenceService or remove the object.', stalls: true },
  PackageChanged: { advice: 'The files behind storageUri changed after this revision was pinned; publish them under a new URI.', stalls: true },
  // causes that may clear by themselves
  QuotaExceeded: { advice: 'The namespace quota is used up; raise it or free some.' },
  LimitRangeExceeded: { advice: 'A LimitRange of the namespace refuses the pods; set spec.resources within its bounds, or change them.' },
  PodsForbidden: { advice: 'Admission refuses the pods; change podTemplate so that they meet the policy, or the policy.' },
  ServiceAccountMissing: { advice: 'Create the ServiceAccount named in podTemplate, or remove the name.' },
  SecretMissing: { advice: 'Create the Secret or the key that the message names.' },
  VolumeMissing: { advice: 'Create or bind the PersistentVolumeClaim that the message names.' },
  Unschedulable: { advice: 'No node suits; lower the requests, correct the placement in podTemplate, or add capacity.' },
  Evicted: { advice: 'The node ran short and put the pod out; give it requests that hold, or the node more room.' },
  ImagePullFailed: { advice: 'The image cannot be pulled; check its name, tag and pull secrets.' },
  ImageRunsAsRoot: { advice: 'The image runs as root; set podTemplate.securityContext.runAsUser or use an image with a non-root user.' },
  ContainerConfigInvalid: { advice: 'The kubelet cannot create the container; see the message.' },
  ConfigInvalid: { advice: 'A container got settings that it cannot read; the operator writes them, so use images of one release.' },
  StorageUriInvalid: { advice: 'storageUri cannot be read; correct it.' },
  DownloadNotFound: { advice: 'Nothing is at storageUri; check bucket, path and version.' },
  DownloadForbidden: { advice: 'The storage refuses access; check the Secret and its rights.' },
  DownloadDNS: { advice: "The storage host's name does not resolve; check the URL and cluster DNS." },
  DownloadTLS: { advice: 'The TLS connection to the storage failed; check the certificate and the clock.' },
  DownloadRefused: { advice: 'The storage cannot be reached; check that it is up and that a network policy lets serving pods reach it.' },
  DownloadInterrupted: { advice: 'The connection to the storage broke; it is tried again and goes on where it stopped.' },
  DownloadServerError: { advice: 'The storage has a problem of its own; look there. It is tried again.' },
  DownloadTimeout: { advice: 'The download did not finish in time; check bandwidth, or the size of the package.' },
  DownloadFailed: { advice: 'The download keeps failing; look at the log of container fetch.' },
  DigestMismatch: { advice: 'The downloaded bytes do not match spec.model.sha256; correct the pin or the package.' },
  DiskFull: { advice: 'The package does not fit the pod storage; free disk or raise the limit.' },
  ArchiveInvalid: { advice: 'The archive cannot be unpacked safely; build it again as .tar.gz or .zip.' },
  ModelNotFound: { advice: 'The package holds no model that Slipway can serve; check its files and format.' },
  ModelParseFailed: { advice: 'The model files cannot be read; export the model again.' },
  PackageInvalid: { advice: "The package's model.yaml is not valid; correct it as the message says." },
  UnsupportedOp: { advice: 'The model uses an operation this runtime lacks; export it without, or use another format.' },
  UnsupportedDType: { advice: 'The model uses a dtype this runtime lacks; export it with another.' },
  WrongSignature: { advice: 'The declared signature does not match the model; correct model.yaml or the export.' },
  WarmupFailed: { advice: 'Correct the model, or the sample requests in its package.' },
  NativeBackendUnavailable: { advice: 'Native TensorFlow could not be loaded; use the official server image, or allow a slower backend explicitly.' },
  OutOfMemory: { advice: 'The server ran out of memory; raise resources.limits.memory.' },
  CrashLoop: { advice: 'The server keeps exiting; those were its last words: correct what they name, or args and env.' },
  ProbeFailing: { advice: 'The pod runs but does not become ready; find out why its server answers so, or correct runtime.readyPath.' },
  NoReadyEndpoints: { advice: 'No endpoint is ready, so the URL cannot answer; see the pods and EndpointSlices of the revision.' },
  RoutersNotReady: { advice: 'No router of the namespace is ready, so no URL in it answers; see Deployment slipway-router and its pods.' },
  RouterUnreachable: { advice: 'A router pod does not answer on its admin port; check NetworkPolicies.' },
  RouterBehind: { advice: 'A router does not take over the newest routes, and serves the last ones; see its log, and whether it reaches the API server.' },
  ApplyFailed: { advice: 'The API server refused a change; it is tried again. See the message.' },
  MonitorCrdMissing: { advice: 'Install the Prometheus operator to get a ServiceMonitor; serving is not affected.' },
  MonitorDisabled: { advice: 'monitoring.serviceMonitor.enabled is false.' },
  MonitorNotSupported: { advice: 'Nobody said where the metrics of this server of your own are; set runtime.metrics. The routers count its requests all the same.' },
  MonitorFailed: { advice: "The ServiceMonitor cannot be applied; correct its CRD or the operator's rights as the message says. Serving is not affected." },
} as const satisfies Record<string, ReasonEntry>;
export type Reason = keyof typeof REASONS;

export interface ConditionInput {
  type: ConditionType;
  status: 'True' | 'False' | 'Unknown';
  reason: Reason;
  message: string;
}

/** Merges new conditions into old ones: keeps lastTransitionTime while the status stays, sorts by the declared order. */
export function mergeConditions(old: readonly Condition[], next: readonly ConditionInput[], at: string, generation: number): Condition[] {
  return next.map((input) => {
    const before = old.find((c) => c.type === input.type);
    const lastTransitionTime = before !== undefined && before.status === input.status ? before.lastTransitionTime : at;
    return { ...input, message: input.message.slice(0, 1024), lastTransitionTime, observedGeneration: generation };
  });
}
