// Owns who may change models over HTTP: nobody behind an InferenceService; alone, whoever has the bearer token, or without one
// only a port that is bound to loopback. Must not know what is changed.
import { timingSafeEqual } from 'node:crypto';
import { InferenceError } from '../inference/errors.ts';

export interface ManagementPolicy {
  behindRouter: boolean;
  token: string | undefined;
  /** Address that the port is bound to. */
  host: string;
}

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);

/** @throws InferenceError management_disabled, unauthorized */
export function allowManagement(policy: ManagementPolicy, authorization: string | undefined): void {
  if (policy.behindRouter) throw new InferenceError('management_disabled', 'This server belongs to an InferenceService; change its spec instead.');
  if (policy.token === undefined) {
    if (LOOPBACK.has(policy.host)) return;
    throw new InferenceError('management_disabled', 'Set ADMIN_TOKEN to manage models over an open port.');
  }
  const given = Buffer.from(authorization ?? '');
  const wanted = Buffer.from(`Bearer ${policy.token}`);
  if (given.byteLength === wanted.byteLength && timingSafeEqual(given, wanted)) return;
  throw new InferenceError('unauthorized', 'Send Authorization: Bearer <ADMIN_TOKEN>.');
}
