// What leaves the subset of structural schemas is refused with the path of the field; what stays in it comes out whole.
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { inferenceServiceCrd } from './crd.ts';
import { doc, kube } from './meta.ts';
import { structuralSchema } from './structural.ts';

const text = doc(z.string().max(9), 'A text.');
const bounded = { bounded: true };
const refused: [string, z.ZodType, RegExp][] = [
  ['a field without description', z.object({ a: z.string().max(9) }), /spec\.a: has no description/],
  ['an unbounded text', z.object({ a: doc(z.string(), 'A.') }), /spec\.a: has no maximal length/],
  ['an unbounded list', z.object({ a: kube(z.array(text), { description: 'A.', listType: 'atomic' }) }), /spec\.a: has no maximal number of items/],
  ['a list without listType', z.object({ a: doc(z.array(text).max(2), 'A.') }), /spec\.a: is a list without listType/],
  ['an unbounded map', z.object({ a: doc(z.record(z.string(), text), 'A.') }), /spec\.a: is a map without maxProperties/],
  ['a union', z.object({ a: doc(z.union([text, z.boolean()]), 'A.') }), /spec\.a: .*outside the subset/],
  ['a float', z.object({ a: doc(z.number(), 'A.') }), /spec\.a: .*outside the subset/],
  ['a tuple', z.object({ a: kube(z.tuple([text]), { description: 'A.', listType: 'atomic' }) }), /spec\.a/],
  ['an exclusive bound', z.object({ a: doc(z.int().positive(), 'A.') }), /spec\.a: exclusiveMinimum/],
  ['a look-ahead', z.object({ a: doc(z.string().max(9).regex(/^(?!x)/), 'A.') }), /spec\.a: .*RE2/],
  ['a list key that is no field', z.object({ a: kube(z.array(z.object({ name: text })).max(2), { description: 'A.', listType: 'map', listMapKeys: ['id'] }) }), /spec\.a: list map key id is no field/],
  ['an optional list key', z.object({ a: kube(z.array(z.object({ name: text.optional() })).max(2), { description: 'A.', listType: 'map', listMapKeys: ['name'] }) }), /must be required/],
  ['a rule without a message', z.object({ a: kube(text, { description: 'A.', cel: [{ rule: 'true', message: ' ' }] }) }), /needs a rule and a message/],
];

describe('structuralSchema', () => {
  it.each(refused)('refuses %s', (_what, schema, message) => {
    expect(() => structuralSchema(doc(schema, 'Root.'), 'spec', bounded)).toThrow(message);
  });

  it('writes nested defaults out, because rules are checked against a default as it is written', () => {
    const inner = doc(z.object({ on: doc(z.boolean().default(true), 'On.'), deep: doc(z.object({ n: doc(z.int().default(3), 'N.') }), 'Deep.').prefault({}) }), 'Inner.');
    const schema = structuralSchema(doc(z.object({ inner: inner.prefault({}) }), 'Root.'), 'spec', bounded);
    expect(schema).toMatchObject({ properties: { inner: { default: { on: true, deep: { n: 3 } } } } });
    expect(schema).not.toHaveProperty('required');
  });

  it('marks int-or-string, preserves unknown fields of loose objects, and sizes integers', () => {
    const schema = structuralSchema(
      doc(z.object({ q: kube(z.union([z.int(), z.string()]), { description: 'Q.', intOrString: true }), o: doc(z.looseObject({}), 'O.'), small: doc(z.int().max(9), 'S.'), big: doc(z.int(), 'B.') }), 'Root.'),
      'spec',
      bounded,
    );
    expect(schema).toMatchObject({
      properties: {
        q: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
        o: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        small: { type: 'integer', format: 'int32', maximum: 9 },
        big: { type: 'integer', format: 'int64' },
      },
    });
  });
});

describe('inferenceServiceCrd', () => {
  it('is one object, the same every time, below the limit of kubectl apply', () => {
    expect(inferenceServiceCrd()).toEqual(inferenceServiceCrd());
    expect(JSON.stringify(inferenceServiceCrd()).length).toBeLessThan(256 * 1024);
  });
});
