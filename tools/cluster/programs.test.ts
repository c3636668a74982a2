// The names under which built programs are cached change with everything that changes the program, and with nothing else.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { buildArguments, cacheName, PROGRAMS, type Program } from './programs.ts';

const program: Program = { module: 'm', package: '.', version: 'v1', tags: ['a', 'b'], ldflags: ['-s', '-w'], takes: '' };
const sources = new Map([['go.mod', 'module m'], ['main.go', 'package main']]);

it('names the cache folder by sources and flags', () => {
  const name = cacheName('x', program, sources);
  expect(name).toMatch(/^x-v1-[0-9a-f]{12}$/);
  expect(cacheName('x', program, new Map([...sources].reverse()))).toBe(name);
  expect(cacheName('x', { ...program, takes: 'long' }, sources)).toBe(name);
  expect(cacheName('x', { ...program, tags: ['a'] }, sources)).not.toBe(name);
  expect(cacheName('x', { ...program, ldflags: ['-s'] }, sources)).not.toBe(name);
  expect(cacheName('x', program, new Map([...sources, ['go.sum', 'x']]))).not.toBe(name);
});

it('passes tags and linker flags as one argument each', () => {
  expect(buildArguments(program, '/out')).toEqual(['build', '-trimpath', '-tags', 'a b', '-ldflags', '-s -w', '-o', '/out', '.']);
});

it.each(Object.entries(PROGRAMS))('pins every byte of %s', (_, { module }) => {
  for (const file of ['go.mod', 'go.sum']) expect(existsSync(path.join(import.meta.dirname, 'go', module, file))).toBe(true);
});
