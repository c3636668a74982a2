// Owns the security contexts that meet Pod Security `restricted`. Must not know which pod they go to.
import { RUN_AS } from '@slipway/api';

/** What Pod Security `restricted` asks of every container, also of those we did not write. */
export const RESTRICTED_CONTAINER = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
} as const;

/** Containers of our own images: the root file system is read-only, what must be written has an emptyDir. */
export const OWN_CONTAINER = { ...RESTRICTED_CONTAINER, readOnlyRootFilesystem: true } as const;

/** Pods of our own images. */
export const OWN_POD = {
  runAsNonRoot: true,
  runAsUser: RUN_AS,
  runAsGroup: RUN_AS,
  fsGroup: RUN_AS,
  fsGroupChangePolicy: 'OnRootMismatch',
  seccompProfile: { type: 'RuntimeDefault' },
} as const;

/** Pods with somebody else's image: its own user, as long as that is not root; the group lets it read the package. */
export const FOREIGN_POD = {
  runAsNonRoot: true,
  fsGroup: RUN_AS,
  fsGroupChangePolicy: 'OnRootMismatch',
  seccompProfile: { type: 'RuntimeDefault' },
} as const;
