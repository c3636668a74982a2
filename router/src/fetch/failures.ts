// Owns the catalogue of ways a download can fail: the reason that people and the operator see, what to do about it, and
// whether another attempt can help. Must not do any I/O.

export const FAILURES = {
  StorageUriInvalid: { retry: false, advice: 'Correct spec.model.storageUri.' },
  DownloadNotFound: { retry: false, advice: 'Check that spec.model.storageUri names what was uploaded.' },
  DownloadForbidden: { retry: false, advice: 'Check the credentials (spec.model.secretName) and that they may read this address.' },
  DownloadDNS: { retry: true, advice: 'Check the host name, and the DNS of the cluster.' },
  DownloadTLS: { retry: false, advice: 'Check the certificate of the server, and whether its authority is trusted in the cluster.' },
  DownloadRefused: { retry: true, advice: 'Check that the server is up, and that a network policy lets serving pods reach it.' },
  DownloadInterrupted: { retry: true, advice: 'The connection broke; the next attempt goes on where this one stopped.' },
  DownloadServerError: { retry: true, advice: 'The server has a problem of its own; look there.' },
  DownloadTimeout: { retry: true, advice: 'The server is too slow or the package too big for the deadline; look at the network.' },
  DigestMismatch: { retry: false, advice: 'The bytes are not the ones of spec.model.sha256; correct one of the two.' },
  PackageChanged: { retry: false, advice: 'The package was overwritten since this revision was made; upload it under a new address.' },
  DiskFull: { retry: false, advice: 'Raise the ephemeral-storage of the pod or free space on the node.' },
  ArchiveInvalid: { retry: false, advice: 'Pack the model anew: plain files and folders, as .tar.gz or .zip.' },
  ConfigInvalid: { retry: false, advice: 'The environment of the container `fetch` is wrong; the operator writes it.' },
  DownloadFailed: { retry: true, advice: 'Look at the log of the container `fetch`.' },
} as const;

export type FailureReason = keyof typeof FAILURES;

export class FetchError extends Error {
  override name = 'FetchError';
  readonly reason: FailureReason;
  /** Milliseconds that the server asked us to wait before the next attempt. */
  readonly retryAfterMs: number | undefined;

  constructor(reason: FailureReason, message: string, options: { cause?: unknown; retryAfterMs?: number } = {}) {
    super(message, { cause: options.cause });
    this.reason = reason;
    this.retryAfterMs = options.retryAfterMs;
  }
}

const CODES: Record<string, FailureReason> = {
  ENOTFOUND: 'DownloadDNS',
  EAI_AGAIN: 'DownloadDNS',
  ENODATA: 'DownloadDNS',
  ECONNREFUSED: 'DownloadRefused',
  EHOSTUNREACH: 'DownloadRefused',
  ENETUNREACH: 'DownloadRefused',
  ECONNRESET: 'DownloadInterrupted',
  EPIPE: 'DownloadInterrupted',
  ECONNABORTED: 'DownloadInterrupted',
  ERR_STREAM_PREMATURE_CLOSE: 'DownloadInterrupted',
  HPE_INVALID_EOF_STATE: 'DownloadInterrupted',
  ETIMEDOUT: 'DownloadTimeout',
  ENOSPC: 'DiskFull',
  EDQUOT: 'DiskFull',
  EPROTO: 'DownloadTLS',
};

const TLS_CODE = /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(GET|VERIFY)_|HOSTNAME_MISMATCH)/;

/** Any error as one of the catalogue. `what` says what was being done, in words for people. */
export function failureOf(error: unknown, what: string): FetchError {
  const known = chainOf(error).find((link): link is FetchError => link instanceof FetchError);
  if (known !== undefined) return known;
  const codes = chainOf(error).map((link) => codeOf(link));
  const tls = codes.find((code) => TLS_CODE.test(code));
  const listed = codes.map((code) => CODES[code]).find((reason) => reason !== undefined);
  const reason = tls === undefined ? (listed ?? 'DownloadFailed') : 'DownloadTLS';
  return new FetchError(reason, `${what}: ${messageOf(error)}`, { cause: error });
}

/** The error and its causes (one of several attempted addresses is cause enough), outermost first. */
function chainOf(error: unknown): unknown[] {
  const chain: unknown[] = [];
  let link = error;
  while (link !== undefined && link !== null && chain.length < 8) {
    chain.push(link);
    link = link instanceof AggregateError ? link.errors[0] : (link as { cause?: unknown }).cause;
  }
  return chain;
}

function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : '';
}

function messageOf(error: unknown): string {
  const texts = chainOf(error).map((link) => (link instanceof Error ? link.message : ''));
  return texts.find((text) => text !== '') ?? String(error);
}

/** What a server's status code means for a download, undefined when it is no failure. */
export function statusFailure(status: number, what: string, retryAfterMs?: number): FetchError | undefined {
  if (status < 400) return undefined;
  const text = `${what}: the server answered ${String(status)}`;
  if (status === 404 || status === 410) return new FetchError('DownloadNotFound', text);
  if (status === 401 || status === 403) return new FetchError('DownloadForbidden', text);
  if (status === 408 || status === 429 || status >= 500) {
    return new FetchError('DownloadServerError', text, retryAfterMs === undefined ? {} : { retryAfterMs });
  }
  return new FetchError('StorageUriInvalid', text);
}
