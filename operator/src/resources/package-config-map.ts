// Owns the ConfigMap that pins the package digest of one revision; slipway-fetch reads it as PINNED_SHA256.
// Must not know how the digest was found.
import { LABELS, PACKAGE_KEY, packageConfigMapName } from '@slipway/api';
import type { KubeObject } from '../types.ts';
import { childMetadata } from './owner.ts';
import type { Owner } from './owner.ts';

/** `digest`: 64 hexadecimal digits of the first ready pod. Immutable, as the revision is. */
export function packageConfigMapFor(owner: Owner, revision: string, digest: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: childMetadata(owner, packageConfigMapName(revision), { [LABELS.revision]: revision }),
    immutable: true,
    data: { [PACKAGE_KEY]: digest },
  };
}
