// Owns the chaos run's hands on a cluster: its API, helm, kubectl, the plugin, and kill -9. Must not know which operations there are.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import type { InferenceService } from '@slipway/api';
import { API_VERSION, GROUP, KIND, PLURAL, VERSION } from '@slipway/api';
import { createClient, createTransport, kubeconfigConnection, systemClock } from '@slipway/kube';
import type { Client, KubeObject, ObjectRef, ResourceType } from '@slipway/kube';

const run = promisify(execFile);
const root = path.resolve(import.meta.dirname, '../..');
const MAX_OUTPUT = 16 * 1024 * 1024;
const CALL_MS = 60_000;

/** How long and how often a run looks for what nobody tells it. */
export const PATIENCE = { timeoutMs: 240_000, intervalMs: 100 };

export const SERVICES: ResourceType = { group: GROUP, version: VERSION, kind: KIND, plural: PLURAL, namespaced: true };

/** Where the cluster is and what is installed in it. */
export interface Access {
  kubeconfig: string;
  kubectl: string;
  helm: string;
  /** Command that enters the cluster's network. */
  inside: string[];
  /** Folder of the chart, name and namespace of its release. */
  chart: string;
  release: string;
  releaseNamespace: string;
}

export interface Hands {
  readonly access: Access;
  readonly namespace: string;
  readonly client: Client;
  kubectl(...args: string[]): Promise<string>;
  helm(...args: string[]): Promise<string>;
  /** Runs a command inside the cluster's network and returns what it prints. */
  inside(...command: string[]): Promise<string>;
  /** `kubectl isvc ARGS` in the run's namespace. */
  plugin(...args: string[]): Promise<string>;
  applyService(name: string, spec: Record<string, unknown>): Promise<void>;
  patchService(name: string, patch: Record<string, unknown>): Promise<InferenceService>;
  /** A command by annotation. */
  annotate(name: string, verb: string, value: string): Promise<void>;
  close(): Promise<void>;
}

/** Connects. Close it in the end. */
export async function createHands(access: Access, namespace: string): Promise<Hands> {
  const connection = await kubeconfigConnection({ path: access.kubeconfig, clock: systemClock });
  const client = createClient(createTransport({ connection, clock: systemClock, userAgent: 'slipway-chaos', timeoutMs: CALL_MS }));
  const refOf = (name: string): ObjectRef => ({ type: SERVICES, namespace, name });
  const tool = async (file: string, args: string[]): Promise<string> => (await run(file, args, { maxBuffer: MAX_OUTPUT, env: { ...process.env, KUBECONFIG: access.kubeconfig } })).stdout;
  const patchService = async (name: string, patch: Record<string, unknown>): Promise<InferenceService> =>
    (await client.patch(refOf(name), patch, { type: 'merge', fieldManager: 'slipway-chaos' })) as unknown as InferenceService;
  return {
    access,
    namespace,
    client,
    kubectl: (...args) => tool(access.kubectl, args),
    helm: (...args) => tool(access.helm, args),
    inside: (...command) => {
      const [file = '', ...args] = [...access.inside, ...command];
      return tool(file, args);
    },
    plugin: (...args) => tool(process.execPath, [path.join(root, 'cli/src/main.ts'), ...args, '-n', namespace]),
    applyService: async (name, spec) => {
      const object: KubeObject = { apiVersion: API_VERSION, kind: KIND, metadata: { name, namespace }, spec };
      await client.apply(SERVICES, object, { fieldManager: 'slipway-chaos', force: true });
    },
    patchService,
    annotate: async (name, verb, value) => void (await patchService(name, { metadata: { annotations: { [`${GROUP}/${verb}`]: value } } })),
    close: () => client.close(),
  };
}

/** Ends the program of a pod's main container with SIGKILL, from outside, so that nothing in it can say good-bye. Returns false if none runs. */
export function kill9(podUid: string): boolean {
  const pid = readdirSync('/proc').find((each) => /^\d+$/.test(each) && isProgramOf(podUid, each));
  if (pid === undefined) return false;
  process.kill(Number(pid), 'SIGKILL');
  return true;
}

function isProgramOf(uid: string, pid: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(uid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('/app/');
  } catch {
    return false;
  }
}
