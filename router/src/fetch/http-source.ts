// Owns the download of one file over HTTPS: redirects, ranges, validators, status codes. Must not write to the disk.
import http from 'node:http';
import https from 'node:https';
import { FetchError, statusFailure } from './failures.ts';
import type { Opened, Remote, Start } from './resume.ts';
import { isLoopback, withoutSecrets } from './storage-uri.ts';

const MAX_REDIRECTS = 5;

/** The file at an address that parseStorageUri accepted. */
export function httpRemote(url: URL): Remote {
  const what = withoutSecrets(url.href);
  return {
    what,
    open: async (start, signal) => {
      const response = await get(url, start, signal);
      const opened = openedBy(response, start, what);
      if (opened !== undefined) return opened;
      // What we have is not a part of what is there now: begin again, with everything.
      response.destroy();
      return openedBy(await get(url, { offset: 0 }, signal), { offset: 0 }, what) ?? never(what);
    },
  };
}

const never = (what: string): never => {
  throw new FetchError('DownloadServerError', `${what}: the server sends a part although all was asked for`);
};

async function get(url: URL, start: Start, signal: AbortSignal): Promise<http.IncomingMessage> {
  let at = url;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const response = await request(at, start, signal);
    const location = response.headers.location;
    const status = response.statusCode ?? 0;
    if (status < 300 || status >= 400 || location === undefined) return response;
    response.destroy();
    at = redirect(at, location);
  }
  throw new FetchError('StorageUriInvalid', `${withoutSecrets(url.href)}: more than ${String(MAX_REDIRECTS)} redirects`);
}

function redirect(from: URL, location: string): URL {
  const to = new URL(location, from);
  const asSafe = to.protocol === 'https:' || (to.protocol === 'http:' && from.protocol === 'http:' && isLoopback(to.hostname));
  if (asSafe) return to;
  throw new FetchError('StorageUriInvalid', `${withoutSecrets(from.href)}: redirects to ${to.protocol}//, which is not https`);
}

function request(url: URL, start: Start, signal: AbortSignal): Promise<http.IncomingMessage> {
  const headers: http.OutgoingHttpHeaders = { 'user-agent': 'slipway-fetch', 'accept-encoding': 'identity' };
  if (start.validator !== undefined && start.offset > 0) {
    headers['range'] = `bytes=${String(start.offset)}-`;
    headers['if-range'] = start.validator;
  }
  const client = url.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    const sent = client.get(url, { headers, signal, agent: false }, resolve);
    sent.on('error', (error) => {
      reject(signal.aborted ? (signal.reason as Error) : error);
    });
  });
}

/** What the response brings; undefined when it can't be joined to what we have. @throws FetchError on an error status. */
function openedBy(response: http.IncomingMessage, start: Start, what: string): Opened | undefined {
  const status = response.statusCode ?? 0;
  if (status === 416) return undefined;
  const failure = statusFailure(status, what, retryAfterMs(response.headers['retry-after']));
  if (failure !== undefined) {
    response.destroy();
    throw failure;
  }
  return status === 206 ? part(response, start) : whole(response, what);
}

function part(response: http.IncomingMessage, start: Start): Opened | undefined {
  const [, first, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers['content-range'] ?? '') ?? [];
  const validator = validatorOf(response.headers);
  if (Number(first) !== start.offset || start.validator === undefined || validator !== start.validator) return undefined;
  return { stream: response, offset: start.offset, total: Number(total), validator };
}

function whole(response: http.IncomingMessage, what: string): Opened {
  if (response.statusCode !== 200) throw new FetchError('DownloadServerError', `${what}: the server answered ${String(response.statusCode)}`);
  const length = response.headers['content-length'];
  const validator = validatorOf(response.headers);
  return {
    stream: response,
    offset: 0,
    ...(length === undefined ? {} : { total: Number(length) }),
    ...(validator === undefined ? {} : { validator }),
  };
}

/** A strong ETag, else the date: what If-Range takes. */
function validatorOf(headers: http.IncomingHttpHeaders): string | undefined {
  const etag = headers.etag;
  return etag !== undefined && !etag.startsWith('W/') ? etag : headers['last-modified'];
}

const LONGEST_RETRY_AFTER_MS = 60_000;

function retryAfterMs(header: string | undefined): number | undefined {
  const seconds = header === undefined ? NaN : Number(header);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds * 1000, LONGEST_RETRY_AFTER_MS) : undefined;
}
