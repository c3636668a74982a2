// Owns the pod of a revision: volumes, the order of containers, and the closed list of podTemplate merged in.
// Must not know what is inside the containers (fetch-container, server-container, runtime-container).
import { DRAIN_DELAY_SECONDS, durationMs, LABELS } from '@slipway/api';
import type { PodTemplateSpec } from '@slipway/api';
import { fetchContainer } from './fetch-container.ts';
import type { RevisionInput } from './revision-input.ts';
import { runtimeContainer } from './runtime-container.ts';
import { FOREIGN_POD, OWN_POD, RESTRICTED_CONTAINER } from './security.ts';
import { serverContainer } from './server-container.ts';
import { spreadOver } from './spread.ts';
import { storageOf } from './storage.ts';

type Json = Record<string, unknown>;

/** Pod spec of one revision. Without podTemplate it meets Pod Security `restricted`. */
export function renderPod(input: RevisionInput): Json {
  const { isvc } = input;
  const { runtime, podTemplate = {} } = isvc.spec;
  const timeoutSeconds = Math.ceil(durationMs(isvc.spec.traffic.timeout) / 1000);
  const claim = storageOf(isvc.spec.model.storageUri).claim;
  const server = runtime === undefined ? serverContainer(input, timeoutSeconds) : runtimeContainer(input, runtime, timeoutSeconds);
  return {
    ...placement(podTemplate, input.revision),
    ...pullSecrets(input.imagePullSecrets ?? [], podTemplate),
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: { ...(runtime === undefined ? OWN_POD : FOREIGN_POD), ...podTemplate.securityContext },
    terminationGracePeriodSeconds: DRAIN_DELAY_SECONDS + timeoutSeconds,
    initContainers: [fetchContainer(input), ...(podTemplate.initContainers ?? []).map(guarded)],
    containers: [server, ...(podTemplate.sidecars ?? []).map(guarded)],
    volumes: [
      { name: 'models', emptyDir: {} },
      { name: 'tmp', emptyDir: {} },
      ...(claim === undefined ? [] : [{ name: 'pvc', persistentVolumeClaim: { claimName: claim, readOnly: true } }]),
      ...(podTemplate.volumes ?? []),
    ],
  };
}

/** A container of the user's, with what `restricted` and first-blocking-cause reporting need unless it says otherwise. */
function guarded(container: Json): Json {
  return { terminationMessagePolicy: 'FallbackToLogsOnError', ...container, securityContext: { ...RESTRICTED_CONTAINER, ...(container['securityContext'] as Json | undefined) } };
}

/** Where pods may run and as whom; spread over nodes and zones unless podTemplate has its own idea. */
function placement(template: PodTemplateSpec, revision: string): Json {
  const { nodeSelector, tolerations, affinity, serviceAccountName, priorityClassName } = template;
  const chosen = { nodeSelector, tolerations, affinity, serviceAccountName, priorityClassName };
  return {
    ...Object.fromEntries(Object.entries(chosen).filter(([, value]) => value !== undefined)),
    topologySpreadConstraints: template.topologySpreadConstraints ?? spreadOver({ [LABELS.revision]: revision }),
  };
}

function pullSecrets(ours: readonly string[], template: PodTemplateSpec): Json {
  const names = new Set([...ours, ...(template.imagePullSecrets ?? []).map((secret) => secret.name)]);
  return names.size === 0 ? {} : { imagePullSecrets: [...names].map((name) => ({ name })) };
}
