// Owns packages in S3 and what speaks its protocol: lists a prefix, reads objects by range. Must not write to the disk.
import { GetObjectCommand, S3Client, S3ServiceException, paginateListObjectsV2 } from '@aws-sdk/client-s3';
import type { GetObjectCommandOutput, ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { Readable } from 'node:stream';
import { FetchError, statusFailure } from './failures.ts';
import { packageRoot, safePath } from './package-files.ts';
import type { Opened, Remote, Start } from './resume.ts';

export interface S3Config {
  region: string;
  /** Another server than Amazon's; buckets are then part of the path. */
  endpoint?: string;
}

export interface S3Object {
  key: string;
  /** Relative to the package. */
  name: string;
  bytes: number;
  etag: string;
}

/** A client that leaves retries to us. Credentials are found as usual: AWS_* variables, web identity, instance role. */
export function s3Client(config: S3Config): S3Client {
  return new S3Client({
    region: config.region,
    maxAttempts: 1,
    followRegionRedirects: true,
    requestHandler: { connectionTimeout: 10_000, httpsAgent: { keepAlive: true, maxSockets: 16 } },
    ...(config.endpoint === undefined ? {} : { endpoint: config.endpoint, forcePathStyle: true }),
  });
}

/** The objects of the package at a prefix. @throws FetchError DownloadNotFound when there are none. */
export async function listPackage(client: S3Client, bucket: string, prefix: string, signal: AbortSignal): Promise<S3Object[]> {
  const folder = prefix === '' ? '' : `${prefix}/`;
  const what = `s3://${bucket}/${folder}`;
  const pages = paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: folder }, { abortSignal: signal });
  const objects: S3Object[] = [];
  try {
    for await (const page of pages) objects.push(...objectsOf(page, folder));
  } catch (error) {
    throw s3Failure(error, what, signal);
  }
  if (objects.length === 0) throw new FetchError('DownloadNotFound', `${what}: there is no object below this prefix`);
  return servedPart(objects);
}

function objectsOf(page: ListObjectsV2CommandOutput, folder: string): S3Object[] {
  return (page.Contents ?? [])
    .map(({ Key: key = '', Size: bytes = 0, ETag: etag = '' }) => ({ key, name: key.slice(folder.length), bytes, etag }))
    .filter(({ key }) => !key.endsWith('/'));
}

function servedPart(objects: S3Object[]): S3Object[] {
  const root = packageRoot(objects.map((object) => object.name), { unwrap: false });
  return objects
    .filter((object) => object.name.startsWith(root))
    .map((object) => ({ ...object, name: safePath(object.name.slice(root.length)) }));
}

/** One object. With an `etag`, only that content of it. */
export function s3Remote(client: S3Client, bucket: string, object: { key: string; etag?: string }): Remote {
  const what = `s3://${bucket}/${object.key}`;
  return {
    what,
    open: async (start: Start, signal) => {
      const resumed = start.offset > 0 && start.validator !== undefined;
      const match = object.etag ?? (resumed ? start.validator : undefined);
      const input = {
        Bucket: bucket,
        Key: object.key,
        ...(match === undefined ? {} : { IfMatch: match }),
        ...(resumed ? { Range: `bytes=${String(start.offset)}-` } : {}),
      };
      const output = await client.send(new GetObjectCommand(input), { abortSignal: signal }).catch((error: unknown) => {
        throw s3Failure(error, what, signal);
      });
      return openedBy(output, start, resumed);
    },
  };
}

function openedBy(output: GetObjectCommandOutput, start: Start, resumed: boolean): Opened {
  if (!(output.Body instanceof Readable)) throw new FetchError('DownloadServerError', 'S3 answered without a body');
  const part = resumed && output.ContentRange !== undefined;
  const offset = part ? start.offset : 0;
  return {
    stream: output.Body,
    offset,
    ...(output.ContentLength === undefined ? {} : { total: offset + output.ContentLength }),
    ...(output.ETag === undefined ? {} : { validator: output.ETag }),
  };
}

const BAD_CREDENTIALS = new Set(['CredentialsProviderError', 'InvalidAccessKeyId', 'SignatureDoesNotMatch', 'ExpiredToken', 'InvalidToken', 'AccessDenied']);

function s3Failure(error: unknown, what: string, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  const { name, message } = error as Error;
  if (BAD_CREDENTIALS.has(name)) return new FetchError('DownloadForbidden', `${what}: ${name}: ${message}`, { cause: error });
  if (name === 'NoSuchBucket' || name === 'NoSuchKey') return new FetchError('DownloadNotFound', `${what}: ${name}`, { cause: error });
  if (!(error instanceof S3ServiceException)) return error;
  const status = error.$metadata.httpStatusCode ?? 500;
  if (status === 412) return new FetchError('DownloadInterrupted', `${what}: was overwritten while it was read`, { cause: error });
  return statusFailure(status, `${what}: ${name}`) ?? error;
}
