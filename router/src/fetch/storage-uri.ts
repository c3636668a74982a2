// Owns the reading of spec.model.storageUri: which source it names. Pure; must not look at the network or the disk.
import { isIP } from 'node:net';
import path from 'node:path';
import { FetchError } from './failures.ts';

export type ArchiveKind = 'tar' | 'zip';

export type Source =
  | { kind: 'file'; path: string; archive?: ArchiveKind }
  | { kind: 'http'; url: URL; archive: ArchiveKind }
  | { kind: 's3'; bucket: string; prefix: string; archive?: ArchiveKind };

export interface UriRules {
  /** http:// is for tests on this very machine; on a network it would let anyone change the model. */
  allowLoopbackHttp: boolean;
}

/** @throws FetchError StorageUriInvalid, saying what is wrong and what is accepted. */
export function parseStorageUri(text: string, rules: UriRules): Source {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  switch (url?.protocol) {
    case 'file:':
      return fileSource(url);
    case 's3:':
      return s3Source(url);
    case 'https:':
      return httpSource(url);
    case 'http:':
      if (rules.allowLoopbackHttp && isLoopback(url.hostname)) return httpSource(url);
      throw invalid(url, 'http:// lets anyone on the way change the model; use https://');
    default:
      throw new FetchError('StorageUriInvalid', `${withoutSecrets(text)} starts with none of file://, s3://, https://`);
  }
}

const withArchive = (name: string): { archive?: ArchiveKind } => {
  const archive = archiveKind(name);
  return archive === undefined ? {} : { archive };
};

function fileSource(url: URL): Source {
  if (url.hostname !== '' && url.hostname !== 'localhost') throw invalid(url, 'file:// needs an absolute path: file:///models/...');
  const location = decodeURIComponent(url.pathname);
  if (location.includes('\0')) throw invalid(url, 'the path holds a NUL');
  return { kind: 'file', path: path.normalize(location), ...withArchive(location) };
}

function s3Source(url: URL): Source {
  if (url.hostname === '') throw invalid(url, 's3:// needs a bucket: s3://bucket/prefix');
  const prefix = decodeURIComponent(url.pathname).replace(/^\/+|\/+$/g, '');
  return { kind: 's3', bucket: url.hostname, prefix, ...withArchive(prefix) };
}

function httpSource(url: URL): Source {
  if (url.username !== '' || url.password !== '') throw invalid(url, 'credentials in an address are visible to all; leave them out');
  const archive = archiveKind(url.pathname);
  if (archive === undefined) throw invalid(url, 'an https:// address has to end in .tar.gz, .tgz or .zip');
  return { kind: 'http', url, archive };
}

/** What the end of a name says about the packing of the file. */
export function archiveKind(name: string): ArchiveKind | undefined {
  if (/\.(tar\.gz|tgz)$/i.test(name)) return 'tar';
  return /\.zip$/i.test(name) ? 'zip' : undefined;
}

export function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '');
  if (host === 'localhost' || host === '::1') return true;
  return isIP(host) === 4 && host.startsWith('127.');
}

const invalid = (url: URL, why: string): FetchError =>
  new FetchError('StorageUriInvalid', `${withoutSecrets(url.href)}: ${why}`);

/** The address as it may be logged: no credentials and no query, where signatures are. */
export function withoutSecrets(text: string): string {
  if (!URL.canParse(text)) return text.replace(/\?.*$/s, '');
  const url = new URL(text);
  url.username = '';
  url.password = '';
  url.search = url.search === '' ? '' : '?...';
  url.hash = '';
  return url.href;
}
