// Which packages are in a bundle, and the document that says so.
import { describe, expect, it } from 'vitest';
import { componentOf, documentOf, packageFolderOf, packageFolders } from './inventory.ts';

describe('bill of materials', () => {
  it.each([
    ['node_modules/undici/lib/core.js', 'node_modules/undici'],
    ['node_modules/@fastify/busboy/lib/main.js', 'node_modules/@fastify/busboy'],
    ['node_modules/a/node_modules/@b/c/index.js', 'node_modules/a/node_modules/@b/c'],
    ['server/src/main.ts', undefined],
  ])('%s is of %s', (source, folder) => {
    expect(packageFolderOf(source)).toBe(folder);
  });

  it('names each package once, in order', () => {
    expect(packageFolders(['node_modules/b/2.js', 'node_modules/a/1.js', 'node_modules/b/1.js', 'api/src/names.ts'])).toEqual(['node_modules/a', 'node_modules/b']);
  });

  it('takes npm\'s own words, and tells a package that the lockfile lacks', () => {
    const listed = [{ type: 'library', name: 'busboy', version: '1.0.0', purl: 'pkg:npm/%40fastify/busboy@1.0.0', hashes: [{ alg: 'SHA-512', content: 'ab' }] }];
    expect(componentOf(listed, '@fastify/busboy', '1.0.0')).toBe(listed[0]);
    expect(() => componentOf(listed, '@fastify/busboy', '2.0.0')).toThrow(/@fastify\/busboy 2.0.0 .* npm ci/);
  });

  it('describes the image', () => {
    const document = documentOf({ name: 'router', title: 'A router', version: '1.2.3', at: '2030-01-01T00:00:00Z', commit: 'abc' }, []);
    expect(document).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.5', metadata: { component: { type: 'container', name: 'slipway/router', version: '1.2.3' } }, components: [] });
  });
});
