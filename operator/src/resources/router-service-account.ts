// Owns the identity of the routers of a namespace. Must not know its rights (router-role-binding).
import type { KubeObject } from '../types.ts';
import { routerMetadata } from './router-metadata.ts';

/** Routers watch, so their pods mount the token themselves; nobody else who uses this account gets one by default. */
export function routerServiceAccountFor(namespace: string): KubeObject {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: routerMetadata(namespace), automountServiceAccountToken: false };
}
