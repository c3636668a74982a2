// Owns what a transport must know to reach one API server, however it was found. Must not know where it came from.

export interface TlsOptions {
  ca?: string | Buffer | undefined;
  cert?: string | Buffer | undefined;
  key?: string | Buffer | undefined;
  servername?: string | undefined;
  rejectUnauthorized?: boolean | undefined;
}

export interface Connection {
  /** Base URL; may carry a path prefix. */
  readonly server: string;
  readonly tls: TlsOptions;
  /** Headers that identify the caller. `fresh` asks to renew them because the API server refused the last ones (401). */
  headers(fresh: boolean): Promise<Record<string, string>>;
  /** The namespace this identity lives in, when that is known. */
  readonly namespace?: string | undefined;
}
