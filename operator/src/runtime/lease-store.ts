// Owns reading and writing the Lease on the API server, with the resourceVersion as the guard. Must not know about terms and timing.
import { LEASES, isNotFound } from '@slipway/kube';
import type { Client } from '@slipway/kube';
import type { Lease, LeaseStore } from './leader.ts';

/** The Lease of that name in that namespace. */
export function leaseStore(client: Client, namespace: string, name: string): LeaseStore {
  const ref = { type: LEASES, namespace, name };
  return {
    read: async () => {
      try {
        return await client.get<Lease>(ref);
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
    create: (spec) => client.create<Lease>(LEASES, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { namespace, name }, spec }),
    replace: (lease) => client.replace<Lease>(LEASES, lease),
  };
}
