// Owns how a storageUri becomes what slipway-fetch reads inside the pod. Must not know how anything is downloaded.
import { PVC_MOUNT } from '@slipway/api';

export interface Storage {
  /** URI that slipway-fetch gets. */
  uri: string;
  /** PersistentVolumeClaim to mount read-only at PVC_MOUNT. */
  claim?: string;
  /** Whether credentials are read from the environment. */
  s3: boolean;
}

/** A claim is mounted by the kubelet, so slipway-fetch sees plain files; every other scheme it fetches itself. */
export function storageOf(storageUri: string): Storage {
  const claim = /^pvc:\/\/([^/]+)(?:\/(.*))?$/.exec(storageUri);
  if (claim?.[1] !== undefined) return { uri: `file://${PVC_MOUNT}/${claim[2] ?? ''}`, claim: claim[1], s3: false };
  return { uri: storageUri, s3: storageUri.startsWith('s3://') };
}
