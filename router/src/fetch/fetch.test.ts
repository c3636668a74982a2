// slipway-fetch against real servers that misbehave: they break off, stall, refuse, change the file, ignore ranges, present bad
// certificates. What is fetched has to be right, resumed where it can be, and every failure named.
import { execFile, execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { FetchedPackage, PACKAGE_LINK } from '@slipway/api';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FetchConfig } from './config.ts';
import { FetchError, failureOf } from './failures.ts';
import { fetchPackage } from './fetch.ts';
import { packageDigest } from './package-files.ts';
import { progressOf } from './progress.ts';
import type { Progress } from './progress.ts';
import { tarGz, zip } from './test-archives.ts';

let folder: string;
const servers: http.Server[] = [];

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-fetch-'));
});
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  rmSync(folder, { recursive: true, force: true });
});

type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

interface Site {
  url: string;
  requests: http.IncomingHttpHeaders[];
}

/** A server whose n-th request is answered by the n-th handler; the last one answers the rest. */
async function site(handlers: Handler[], tls?: { key: string; cert: string }): Promise<Site> {
  const requests: http.IncomingHttpHeaders[] = [];
  const listener: Handler = (request, response) => {
    const handler = handlers[Math.min(requests.length, handlers.length - 1)];
    requests.push(request.headers);
    handler?.(request, response);
  };
  const server = tls === undefined ? http.createServer(listener) : https.createServer(tls, listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${String(port)}/model.tar.gz`, requests };
}

/** The asked part of the bytes, or at most `sent` bytes of it, after which the connection breaks. */
function part(bytes: Buffer, from: number, etag: string, sent = Infinity): Handler {
  return (request, response) => {
    const range = `bytes ${String(from)}-${String(bytes.length - 1)}/${String(bytes.length)}`;
    response.writeHead(206, { etag, 'content-range': range, 'content-length': bytes.length - from });
    if (from + sent >= bytes.length) response.end(bytes.subarray(from));
    else response.write(bytes.subarray(from, from + sent), () => request.socket.end());
  };
}

const firstByte = (headers: http.IncomingHttpHeaders): number => Number(/^bytes=(\d+)-$/.exec(headers.range ?? 'bytes=0-')?.[1]);

/** Serves the bytes as a good server does: ETag, ranges, If-Range; `sent` as above. */
function good(bytes: Buffer, etag = '"one"', sent = Infinity): Handler {
  return (request, response) => {
    const from = request.headers['if-range'] === etag ? firstByte(request.headers) : 0;
    if (from > 0) part(bytes, from, etag, sent)(request, response);
    else response.writeHead(200, { etag, 'content-length': bytes.length }).end(bytes);
  };
}

/** Sends some bytes of a whole answer, then breaks off (a reset would take back what is still on its way). */
const broken = (bytes: Buffer, sent: number, headers: http.OutgoingHttpHeaders = { etag: '"one"' }): Handler => (request, response) => {
  response.writeHead(200, { ...headers, 'content-length': bytes.length });
  response.write(bytes.subarray(0, sent), () => request.socket.end());
};

const status = (code: number, headers: http.OutgoingHttpHeaders = {}): Handler => (_request, response) => {
  response.writeHead(code, headers).end();
};

const files = { 'model.json': '{"format":"layers-model"}', 'weights.bin': randomBytes(3_000_000) };
const archive = tarGz(Object.entries(files).map(([name, content]) => ({ name, content })));
const sha = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex');
const digest = packageDigest(new Map(Object.entries(files).map(([name, content]) => [name, sha(content)])));

interface Ran {
  fetched: FetchedPackage;
  progress: Progress;
  lines: string[];
}

async function run(storageUri: string, options: Partial<FetchConfig> = {}, signal = AbortSignal.timeout(15_000)): Promise<Ran> {
  const config: FetchConfig = {
    storageUri,
    destination: path.join(folder, 'models'),
    deadlineMs: 15_000,
    idleMs: 5_000,
    progressPort: 0,
    terminationLog: '',
    allowLoopbackHttp: true,
    s3: { region: 'us-east-1' },
    ...options,
  };
  const lines: string[] = [];
  const log = (line: string): void => void lines.push(line);
  const progress = progressOf(() => performance.now(), log);
  const attempts = { signal, progress, log, random: () => 0, backoffMs: 10, maxBackoffMs: 20, maxFruitless: 4 };
  const fetched = await fetchPackage(config, attempts).catch((error: unknown) => {
    throw Object.assign(failureOf(error, 'test'), { lines, progress });
  });
  return { fetched, progress, lines };
}

function expectInstalled(fetched: FetchedPackage, expectedDigest = digest): void {
  const models = path.join(folder, 'models');
  expect(fetched).toMatchObject({ digest: expectedDigest, path: expectedDigest });
  expect(FetchedPackage.parse(JSON.parse(readFileSync(path.join(models, '.slipway/fetched.json'), 'utf8')))).toEqual(fetched);
  expect(readdirSync(models).sort()).toEqual(['.slipway', PACKAGE_LINK, expectedDigest].sort());
  expect(readlinkSync(path.join(models, PACKAGE_LINK))).toBe(expectedDigest);
  expect(readdirSync(path.join(models, '.slipway'))).toEqual(['fetched.json']);
}

describe('a download over HTTP', () => {
  test('is unpacked, measured, installed under its digest and recorded', async () => {
    const { url, requests } = await site([good(archive)]);
    const { fetched, progress } = await run(url);
    expectInstalled(fetched);
    expect(readFileSync(path.join(folder, 'models', digest, 'weights.bin')).equals(files['weights.bin'])).toBe(true);
    expect(progress.report()).toMatchObject({ phase: 'Done', attempt: 1, bytesDone: fetched.bytes });
    expect(requests).toHaveLength(1);
  });

  test('goes on where the connection broke, twice', async () => {
    const { url, requests } = await site([broken(archive, 1_000_000), good(archive, '"one"', 1_000_000), good(archive)]);
    const { fetched, progress, lines } = await run(url);
    expectInstalled(fetched);
    expect(requests.map((headers) => headers['if-range'])).toEqual([undefined, '"one"', '"one"']);
    const offsets = requests.map(firstByte);
    expect(offsets[0]).toBe(0);
    expect(offsets[1]).toBeGreaterThan(0);
    expect(offsets[2]).toBeGreaterThan(offsets[1] ?? 0);
    expect(progress.report()).toMatchObject({ phase: 'Done', attempt: 3 });
    expect(lines.filter((line) => line.includes('trying again'))).toHaveLength(2);
  });

  test('starts over when the file changed meanwhile', async () => {
    const older = tarGz([{ name: 'model.json', content: randomBytes(300_000) }]);
    const { url } = await site([broken(older, 100_000, { etag: '"old"' }), good(archive)]);
    expectInstalled((await run(url)).fetched);
  });

  test('starts over when the server sends a part of another file', async () => {
    const older = tarGz([{ name: 'model.json', content: randomBytes(300_000) }]);
    const wrongPart: Handler = (request, response) => { part(archive, firstByte(request.headers), '"one"')(request, response); };
    const { url, requests } = await site([broken(older, 100_000, { etag: '"old"' }), wrongPart, good(archive)]);
    expectInstalled((await run(url)).fetched);
    expect(requests[2]?.range).toBeUndefined();
  });

  test('works with a server that knows no ranges, and with one that identifies nothing', async () => {
    const plain: Handler = (_request, response) => void response.writeHead(200, { 'last-modified': 'Mon, 01 Jan 2024 00:00:00 GMT' }).end(archive);
    const first = await site([broken(archive, 300_000, { 'last-modified': 'Mon, 01 Jan 2024 00:00:00 GMT' }), plain]);
    expectInstalled((await run(first.url)).fetched);
    expect(first.requests[1]).toMatchObject({ 'if-range': 'Mon, 01 Jan 2024 00:00:00 GMT' });
    rmSync(path.join(folder, 'models'), { recursive: true });
    const nameless = await site([broken(archive, 300_000, {}), (_request, response) => void response.writeHead(200).end(archive)]);
    expectInstalled((await run(nameless.url)).fetched);
    expect(nameless.requests[1]?.range).toBeUndefined();
  });

  test('never trusts a weak ETag to join two parts', async () => {
    const { url, requests } = await site([broken(archive, 300_000, { etag: 'W/"one"' }), good(archive)]);
    expectInstalled((await run(url)).fetched);
    expect(requests[1]?.range).toBeUndefined();
  });

  test('gives a stalled connection up and goes on with another', async () => {
    const stalled: Handler = (_request, response) => {
      response.writeHead(200, { etag: '"one"', 'content-length': archive.length });
      response.write(archive.subarray(0, 100_000));
    };
    const { url, requests } = await site([stalled, good(archive)]);
    expectInstalled((await run(url, { idleMs: 200 })).fetched);
    expect(requests[1]?.range).toBeDefined();
  });

  test('waits as long as a busy server asks, and not at all for a final answer', async () => {
    const busy = await site([status(503, { 'retry-after': '1' }), status(429), good(archive)]);
    const started = performance.now();
    expectInstalled((await run(busy.url)).fetched);
    expect(performance.now() - started).toBeGreaterThan(950);
    expect(busy.requests).toHaveLength(3);
  });

  test('follows redirects, but not off to plain http on the network', async () => {
    const target = await site([good(archive)]);
    const { url } = await site([status(302, { location: target.url })]);
    expectInstalled((await run(url)).fetched);
    const away = await site([status(302, { location: 'http://example.com/model.tar.gz' })]);
    await expect(run(away.url)).rejects.toMatchObject({ reason: 'StorageUriInvalid' });
    const round = await site([status(302, { location: '/model.tar.gz' })]);
    await expect(run(round.url)).rejects.toThrow('more than 5 redirects');
    expect(round.requests).toHaveLength(6);
  });

  test('a zip with a numbered folder inside serves the highest number', async () => {
    const { url } = await site([good(zip([{ name: 'm/1/a', content: 'old' }, { name: 'm/2/a', content: 'new' }]))]);
    const { fetched } = await run(url.replace('.tar.gz', '.zip'));
    expect(readFileSync(path.join(folder, 'models', fetched.path, 'a'), 'utf8')).toBe('new');
  });
});

describe('a download that cannot succeed', () => {
  test.each([
    [404, 'DownloadNotFound'],
    [410, 'DownloadNotFound'],
    [401, 'DownloadForbidden'],
    [403, 'DownloadForbidden'],
    [400, 'StorageUriInvalid'],
  ])('%i is %s, asked once', async (code, reason) => {
    const { url, requests } = await site([status(code)]);
    await expect(run(url)).rejects.toMatchObject({ reason, message: expect.stringContaining(String(code)) });
    expect(requests).toHaveLength(1);
  });

  test.each([[500, 'DownloadServerError'], [502, 'DownloadServerError']])('%i for ever is %s after a few attempts', async (code, reason) => {
    const { url, requests } = await site([status(code)]);
    await expect(run(url)).rejects.toMatchObject({ reason });
    expect(requests).toHaveLength(4);
  });

  test('a connection that always breaks before a new byte', async () => {
    const { url, requests } = await site([(request) => request.socket.resetAndDestroy()]);
    await expect(run(url)).rejects.toMatchObject({ reason: 'DownloadInterrupted' });
    expect(requests).toHaveLength(4);
  });

  test('nobody listens', async () => {
    const { url } = await site([]);
    servers.splice(0).forEach((server) => server.close());
    await expect(run(url)).rejects.toMatchObject({ reason: 'DownloadRefused' });
  });

  test('no such host', async () => {
    await expect(run('https://no-such-host.invalid/m.zip', {}, AbortSignal.timeout(10_000))).rejects.toMatchObject({ reason: 'DownloadDNS' });
  });

  test('a server that never says a word runs into the deadline, and the message says how far it got', async () => {
    const deadline = new AbortController();
    setTimeout(() => { deadline.abort(new FetchError('DownloadTimeout', 'not finished within the deadline')); }, 500);
    const { url } = await site([() => undefined]);
    await expect(run(url, { idleMs: 100 }, deadline.signal)).rejects.toMatchObject({ reason: 'DownloadTimeout' });
  });

  test('a certificate that nobody vouches for, asked once', async () => {
    const [key, cert] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=test', '-addext', 'subjectAltName=IP:127.0.0.1'], { stdio: 'ignore' });
    const { url, requests } = await site([good(archive)], { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') });
    await expect(run(url)).rejects.toMatchObject({ reason: 'DownloadTLS' });
    expect(requests).toHaveLength(0);
    const main = path.join(import.meta.dirname, 'main.ts');
    const env = { STORAGE_URI: url, DEST: path.join(folder, 'models'), TERMINATION_LOG: path.join(folder, 'log'), FETCH_PORT: '0', NODE_EXTRA_CA_CERTS: cert };
    await promisify(execFile)(process.execPath, [main], { env });
    expect(existsSync(path.join(folder, 'models', digest, 'model.json'))).toBe(true);
  });

  test('an HTML page instead of an archive; the next run downloads anew', async () => {
    const page = Buffer.from('<html>Log in</html>');
    const { url } = await site([good(page), good(archive, '"two"')]);
    await expect(run(url)).rejects.toMatchObject({ reason: 'ArchiveInvalid' });
    expectInstalled((await run(url)).fetched);
  });

  test('more bytes than the disk has are refused before the first one', async () => {
    const huge: Handler = (_request, response) => {
      response.writeHead(200, { 'content-length': 2 ** 52, etag: '"huge"' });
      response.write('x');
    };
    const { url, requests } = await site([huge]);
    await expect(run(url)).rejects.toMatchObject({ reason: 'DiskFull', message: expect.stringMatching(/4\d*\.\d TiB more are needed and .* are free/) });
    expect(requests).toHaveLength(1);
  });
});

describe('the digest', () => {
  test('of spec.model.sha256 has to match, else nothing is installed and nothing kept', async () => {
    const { url } = await site([good(archive)]);
    expect((await run(url, { expectedSha256: digest, pinnedSha256: digest })).fetched.digest).toBe(digest);
    rmSync(path.join(folder, 'models'), { recursive: true });
    await expect(run(url, { expectedSha256: '0'.repeat(64) })).rejects.toMatchObject({ reason: 'DigestMismatch', message: expect.stringContaining(digest) });
    expect(readdirSync(path.join(folder, 'models', '.slipway', 'staging'))).toEqual([]);
    expect(existsSync(path.join(folder, 'models', digest))).toBe(false);
  });

  test('that the first pod of the revision saw has to match', async () => {
    const { url } = await site([good(archive)]);
    await expect(run(url, { pinnedSha256: '1'.repeat(64) })).rejects.toMatchObject({ reason: 'PackageChanged' });
  });
});

describe('the next run of the container', () => {
  test('uses what is complete without asking the server', async () => {
    const { url, requests } = await site([good(archive)]);
    await run(url);
    const { fetched, progress } = await run(url);
    expectInstalled(fetched);
    expect(progress.report().phase).toBe('Done');
    expect(requests).toHaveLength(1);
  });

  test('still checks the digest of what is there', async () => {
    const { url } = await site([good(archive)]);
    await run(url);
    await expect(run(url, { pinnedSha256: '1'.repeat(64) })).rejects.toMatchObject({ reason: 'PackageChanged' });
  });

  test('fetches anew what was damaged, and another address', async () => {
    const { url, requests } = await site([good(archive)]);
    await run(url);
    writeFileSync(path.join(folder, 'models', digest, 'weights.bin'), 'damaged');
    expectInstalled((await run(url)).fetched);
    await run(url.replace('model.', 'other.'));
    expect(requests).toHaveLength(3);
  });

  test('goes on with what the former one left when it was stopped', async () => {
    const stop = new AbortController();
    const slow: Handler = (_request, response) => {
      response.writeHead(200, { etag: '"one"', 'content-length': archive.length });
      response.write(archive.subarray(0, 200_000), () => setTimeout(() => { stop.abort(new FetchError('DownloadInterrupted', 'stopped by SIGTERM')); }, 200));
    };
    const { url, requests } = await site([slow, good(archive)]);
    await expect(run(url, {}, stop.signal)).rejects.toMatchObject({ reason: 'DownloadInterrupted' });
    const { fetched, lines } = await run(url);
    expectInstalled(fetched);
    expect(requests[1]?.range).toMatch(/^bytes=[1-9]/);
    expect(lines.some((line) => line.includes('are here already'))).toBe(true);
  });

  test('asks for nothing twice when the download was whole but not yet unpacked', async () => {
    const stop = new AbortController();
    const { url, requests } = await site([good(archive)]);
    const blocked = path.join(folder, 'models', '.slipway', 'fetched.json.new');
    mkdirSync(blocked, { recursive: true });
    await expect(run(url, {}, stop.signal)).rejects.toThrow();
    rmSync(blocked, { recursive: true });
    expectInstalled((await run(url)).fetched);
    expect(requests).toHaveLength(1);
  });
});

describe('file://', () => {
  const source = (): string => path.join(folder, 'source');
  const put = (name: string, content: string): void => {
    mkdirSync(path.dirname(path.join(source(), name)), { recursive: true });
    writeFileSync(path.join(source(), name), content);
  };

  test('copies a folder, follows links inside it, and leaves the volume as it was', async () => {
    put('..data/model.json', 'x');
    symlinkSync('..data/model.json', path.join(source(), 'model.json'));
    put('lost+found/junk', 'y');
    const { fetched } = await run(`file://${source()}`);
    expect(readdirSync(path.join(folder, 'models', fetched.path)).sort()).toEqual(['..data', 'model.json']);
  });

  test('serves the highest numbered folder', async () => {
    put('1/a', 'old');
    put('12/a', 'new');
    const { fetched } = await run(`file://${source()}`);
    expect(readFileSync(path.join(folder, 'models', fetched.path, 'a'), 'utf8')).toBe('new');
  });

  test('unpacks an archive', async () => {
    put('m.tar.gz', '');
    writeFileSync(path.join(source(), 'm.tar.gz'), archive);
    expectInstalled((await run(`file://${source()}/m.tar.gz`)).fetched);
  });

  test('refuses a link that leads out, a single file, an empty folder, nothing at all', async () => {
    put('a', 'x');
    symlinkSync('/etc/passwd', path.join(source(), 'b'));
    await expect(run(`file://${source()}`)).rejects.toMatchObject({ reason: 'ArchiveInvalid', message: expect.stringContaining('b is a link out') });
    await expect(run(`file://${source()}/a`)).rejects.toMatchObject({ reason: 'StorageUriInvalid' });
    mkdirSync(path.join(folder, 'empty'));
    await expect(run(`file://${folder}/empty`)).rejects.toMatchObject({ reason: 'DownloadNotFound' });
    await expect(run(`file://${folder}/none`)).rejects.toMatchObject({ reason: 'DownloadNotFound' });
  });
});
