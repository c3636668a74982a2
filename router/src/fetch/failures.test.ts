// The catalogue: what each error of Node, each code and each status becomes, and that every entry tells what to do.
import { REASONS } from '@slipway/api';
import { expect, test } from 'vitest';
import { FAILURES, FetchError, failureOf, statusFailure } from './failures.ts';

const withCode = (code: string): Error => Object.assign(new Error(`it was ${code}`), { code });

test.each([
  ['ENOTFOUND', 'DownloadDNS'],
  ['EAI_AGAIN', 'DownloadDNS'],
  ['ECONNREFUSED', 'DownloadRefused'],
  ['ECONNRESET', 'DownloadInterrupted'],
  ['ETIMEDOUT', 'DownloadTimeout'],
  ['ENOSPC', 'DiskFull'],
  ['EDQUOT', 'DiskFull'],
  ['CERT_HAS_EXPIRED', 'DownloadTLS'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'DownloadTLS'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'DownloadTLS'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'DownloadTLS'],
  ['SOMETHING_ELSE', 'DownloadFailed'],
])('%s is %s, however deep it lies', (code, reason) => {
  expect(failureOf(withCode(code), 'doing')).toMatchObject({ reason, message: `doing: it was ${code}` });
  expect(failureOf(new Error('outer', { cause: withCode(code) }), 'doing')).toMatchObject({ reason, message: 'doing: outer' });
  expect(failureOf(new AggregateError([withCode(code)], ''), 'doing')).toMatchObject({ reason, message: `doing: it was ${code}` });
});

test('a failure of the catalogue stays what it is', () => {
  const failure = new FetchError('DigestMismatch', 'x');
  expect(failureOf(new Error('outer', { cause: failure }), 'doing')).toBe(failure);
});

test('only an error status is a failure', () => {
  expect([200, 206, 304].map((status) => statusFailure(status, 'x'))).toEqual([undefined, undefined, undefined]);
  expect(statusFailure(503, 'x', 1000)).toMatchObject({ reason: 'DownloadServerError', retryAfterMs: 1000 });
});

test('every entry says what to do', () => {
  for (const { advice } of Object.values(FAILURES)) expect(advice).toMatch(/^[A-Z].{20,}\.$/);
});

test('the operator knows every reason', () => {
  expect(Object.keys(FAILURES).filter((reason) => !(reason in REASONS))).toEqual([]);
});
