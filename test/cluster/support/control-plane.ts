// Owns what the CRD tests share: an API server with the CRD installed, a client, and kubectl with its warnings.
// Must not know any case.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { API_VERSION, GROUP, KIND, PLURAL, VERSION } from '@slipway/api';
import { connect, createClient, createTransport, systemClock } from '@slipway/kube';
import type { Client, KubeObject, ResourceType } from '@slipway/kube';
import { ensurePrograms } from '../../../tools/cluster/binaries.ts';
import { startApiServer } from '../../support/apiserver.ts';
import type { ApiServer } from '../../support/apiserver.ts';

const run = promisify(execFile);
export const root = path.resolve(import.meta.dirname, '../../..');
export const ISVCS: ResourceType = { group: GROUP, version: VERSION, kind: KIND, plural: PLURAL, namespaced: true };

type Json = Record<string, unknown>;

export interface Answer {
  code: number;
  stdout: string;
  stderr: string;
}

export interface ControlPlane {
  server: ApiServer;
  client: Client;
  /** Path of the program that is every Kubernetes component, kubectl too. */
  kube: string;
  /** Runs kubectl; resolves whatever the exit code. */
  kubectl(args: string[], input?: string): Promise<Answer>;
  stop(): Promise<void>;
}

/** An API server that serves InferenceServices as crds/ defines them. `flags`: more of kube-apiserver. */
export async function startControlPlane(flags: readonly string[] = []): Promise<ControlPlane> {
  const { kube } = await ensurePrograms(['kube'], { report: (line) => console.error(line) });
  const server = await startApiServer({ flags });
  const connection = await connect({ env: {}, clock: systemClock, kubeconfig: server.kubeconfig });
  const client = createClient(createTransport({ connection, clock: systemClock, userAgent: 'slipway-test' }));
  const kubectl = async (args: string[], input?: string): Promise<Answer> => {
    const child = run(kube, ['kubectl', `--kubeconfig=${server.kubeconfig}`, ...args], { timeout: 60_000, maxBuffer: 64 * 1024 * 1024 });
    if (input !== undefined) child.child.stdin?.end(input);
    return child.then(({ stdout, stderr }) => ({ code: 0, stdout, stderr })).catch((error: unknown) => ({ code: 1, stdout: '', stderr: '', ...(error as Partial<Answer>) }));
  };
  const plane = { server, client, kube, kubectl, stop: async () => { await client.close(); await server.stop(); } };
  await server.kubectl('apply', '--server-side', '-f', path.join(root, 'crds'));
  await server.kubectl('wait', '--for=condition=Established', 'crd', `${PLURAL}.${GROUP}`, '--timeout=30s');
  await served(client);
  return plane;
}

/** Established comes a moment before the paths answer. */
async function served(client: Client): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    try {
      await client.list(ISVCS);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error('InferenceServices are not served 10 s after their CRD was established');
}

/** The smallest InferenceService, with `patch` merged over it: objects deeply, anything else replaced, null removes. */
export function isvcWith(patch: Json = {}): KubeObject {
  const base = { apiVersion: API_VERSION, kind: KIND, metadata: { name: 'sentiment', namespace: 'default' }, spec: { model: { storageUri: 'file:///models/sentiment/v1' } } };
  return merged(base, patch) as unknown as KubeObject;
}

function merged(base: Json, patch: Json): Json {
  const out: Json = { ...base };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete out[key];
    else out[key] = isObject(value) && isObject(base[key]) ? merged(base[key], value) : value;
  }
  return out;
}

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
