// Storage URIs: what each names, what is refused and with which words, and that no secret gets into a message.
import { expect, test } from 'vitest';
import { isLoopback, parseStorageUri, withoutSecrets } from './storage-uri.ts';

const strict = { allowLoopbackHttp: false };

test.each([
  ['file:///models/a/v1', { kind: 'file', path: '/models/a/v1' }],
  ['file:///models/with%20space/', { kind: 'file', path: '/models/with space/' }],
  ['file:///models/a.tar.gz', { kind: 'file', path: '/models/a.tar.gz', archive: 'tar' }],
  ['s3://bucket/a/b/', { kind: 's3', bucket: 'bucket', prefix: 'a/b' }],
  ['s3://bucket', { kind: 's3', bucket: 'bucket', prefix: '' }],
  ['s3://bucket/m.zip', { kind: 's3', bucket: 'bucket', prefix: 'm.zip', archive: 'zip' }],
  ['https://host/m.tgz?X-Signature=1', { kind: 'http', url: new URL('https://host/m.tgz?X-Signature=1'), archive: 'tar' }],
  ['https://host/M.ZIP', { kind: 'http', url: new URL('https://host/M.ZIP'), archive: 'zip' }],
])('%s', (text, source) => {
  expect(parseStorageUri(text, strict)).toEqual(source);
});

test.each([
  ['models/a', 'starts with none of'],
  ['gs://bucket/a', 'starts with none of'],
  ['ftp://host/a.zip', 'starts with none of'],
  ['file://host/a', 'absolute path'],
  ['file:///a%00b', 'NUL'],
  ['s3:///a', 'needs a bucket'],
  ['https://host/model', 'has to end in'],
  ['https://me:secret@host/a.zip', 'credentials'],
  ['http://host/a.zip', 'use https'],
  ['http://127.0.0.1/a.zip', 'use https'],
])('%s is refused', (text, message) => {
  expect(() => parseStorageUri(text, strict)).toThrow(message);
  expect(() => parseStorageUri(text, strict)).not.toThrow('secret');
});

test('plain http is for this machine only, and only when allowed', () => {
  const allowed = { allowLoopbackHttp: true };
  expect(parseStorageUri('http://127.0.0.1:80/a.zip', allowed)).toMatchObject({ kind: 'http' });
  expect(() => parseStorageUri('http://example.com/a.zip', allowed)).toThrow('use https');
  expect(['localhost', '127.9.9.9', '[::1]'].map(isLoopback)).toEqual([true, true, true]);
  expect(['127.0.0.1.example.com', '10.0.0.1', 'localhost.example.com'].map(isLoopback)).toEqual([false, false, false]);
});

test('secrets stay out of messages', () => {
  expect(withoutSecrets('https://me:secret@host/a.zip?X-Amz-Signature=secret#secret')).toBe('https://host/a.zip?...');
  expect(withoutSecrets('nonsense?token=secret')).toBe('nonsense');
});
