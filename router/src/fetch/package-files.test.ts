// Which part of a package is served, which paths are safe, and the digest against one worked out by hand.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { packageDigest, packageRoot, safePath } from './package-files.ts';

test.each([
  ['one package', ['model.json', 'weights.bin'], false, ''],
  ['numeric folders: the highest number', ['2/a', '10/a', '9/a'], false, '10/'],
  ['numbers beyond 2^53', ['9007199254740993/a', '9007199254740992/a'], false, '9007199254740993/'],
  ['a single numeric folder', ['1/saved_model.pb', '1/variables/x'], false, '1/'],
  ['numeric folders beside a file are a package', ['1/a', 'readme'], false, ''],
  ['numeric folders beside others are a package', ['1/a', 'assets/b'], false, ''],
  ['a folder around it, from a mount', ['model/model.json'], false, ''],
  ['a folder around it, in an archive', ['model/model.json', 'model/a/b'], true, 'model/'],
  ['folders around numeric ones, in an archive', ['x/model/1/a', 'x/model/2/a'], true, 'x/model/2/'],
  ['two folders in an archive', ['a/x', 'b/x'], true, ''],
])('%s', (_what, files, unwrap, root) => {
  expect(packageRoot(files, { unwrap })).toBe(root);
});

test.each(['', '/', '/etc/passwd', '..', '../a', 'a/../../b', 'a/..', 'a\\..\\b', 'a\0b', 'a//b', 'a/./b', 'x'.repeat(256)])('%j is not safe', (path) => {
  expect(() => safePath(path)).toThrow('would not stay inside');
});

test('a safe path resolves inside the folder, whatever it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('.', '/', 'a', '\\', '..', './') }), (path) => {
      let safe: string | undefined;
      try {
        safe = safePath(path);
      } catch {
        return;
      }
      expect(new URL(encodeURI(safe), 'file:///root/').pathname.startsWith('/root/')).toBe(true);
    }),
  );
});

test('digest: sorted lines of path, NUL, sha256 of the file', () => {
  const [a, b] = ['a'.repeat(64), 'b'.repeat(64)];
  const expected = createHash('sha256').update(`B\0${b}\na/x\0${a}\n`).digest('hex');
  expect(packageDigest(new Map([['a/x', a], ['B', b]]))).toBe(expected);
  expect(packageDigest(new Map([['B', b], ['a/x', a]]))).toBe(expected);
  expect(packageDigest(new Map([['a/y', a], ['B', b]]))).not.toBe(expected);
});
