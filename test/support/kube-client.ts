// A client for a test's API server, as its administrator, counting what it asks. Must not know what is tested.
import { createClient, createTransport, kubeconfigConnection, systemClock } from '@slipway/kube';
import type { Client, RequestReport } from '@slipway/kube';
import type { ApiServer } from './apiserver.ts';

export interface CountingClient {
  readonly client: Client;
  /** Every request since the start, or since the last `reset`. */
  readonly requests: RequestReport[];
}

/** Close it with `client.close()`. `timeoutMs`: for calls that do not say. */
export async function clientFor(server: Pick<ApiServer, 'kubeconfig'>, timeoutMs = 30_000): Promise<CountingClient> {
  const connection = await kubeconfigConnection({ path: server.kubeconfig, clock: systemClock });
  const requests: RequestReport[] = [];
  const transport = createTransport({ connection, clock: systemClock, userAgent: 'slipway-test', timeoutMs, onRequest: (report) => requests.push(report) });
  return { client: createClient(transport), requests };
}

/** Makes a namespace of its own for a test and returns its name. */
export async function namespaceFor(client: Client, prefix: string): Promise<string> {
  const name = `${prefix}-${Math.random().toString(36).slice(2, 8)}`;
  await client.create({ group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false }, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  return name;
}
