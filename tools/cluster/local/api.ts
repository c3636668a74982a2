// The few questions that bringing up a cluster asks its API server, over plain HTTPS with the admin's certificate.
// Not a client library: whoever installs or watches things in the cluster has one.
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import path from 'node:path';
import type { Layout } from './layout.ts';

/** Where the API server answers and who asks. */
export interface ApiAccess {
  readonly port: number;
  readonly layout: Layout;
}

const ANSWER_MS = 5_000;

/** GETs a path. Resolves with status 0 if nothing answers. */
export function apiGet({ port, layout }: ApiAccess, url: string): Promise<{ status: number; body: string }> {
  const pki = (file: string): Buffer => readFileSync(path.join(layout.pki, file));
  const { promise, resolve } = Promise.withResolvers<{ status: number; body: string }>();
  const silence = (): void => resolve({ status: 0, body: '' });
  const options = { host: '127.0.0.1', port, path: url, ca: pki('ca.crt'), cert: pki('admin.crt'), key: pki('admin.key'), agent: false, timeout: ANSWER_MS };
  const sent = request(options, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
    response.on('error', silence);
  });
  sent.on('timeout', () => sent.destroy());
  sent.on('error', silence);
  sent.on('close', silence);
  sent.end();
  return promise;
}

/** True if the API server says it is ready. */
export async function isApiReady(access: ApiAccess): Promise<boolean> {
  return (await apiGet(access, '/readyz')).status === 200;
}

interface WithStatus { status?: { conditions?: { type: string; status: string }[]; availableReplicas?: number } }

/** True if the node takes pods. */
export async function isNodeReady(access: ApiAccess): Promise<boolean> {
  const node = await getObject(access, `/api/v1/nodes/${access.layout.id}`);
  return node?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

/** True if a CoreDNS pod is available. */
export async function isDnsReady(access: ApiAccess): Promise<boolean> {
  const deployment = await getObject(access, '/apis/apps/v1/namespaces/kube-system/deployments/coredns');
  return (deployment?.status?.availableReplicas ?? 0) > 0;
}

async function getObject(access: ApiAccess, url: string): Promise<WithStatus | undefined> {
  const { status, body } = await apiGet(access, url);
  return status === 200 ? (JSON.parse(body) as WithStatus) : undefined;
}
