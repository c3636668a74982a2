// TensorFlow Serving's codecs: bodies to the byte, words of errors, and that nothing breaks them.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DType, TensorSpec } from '@slipway/api';
import { ERRORS, InferenceError, type ErrorCode } from '../../inference/errors.ts';
import type { ServingSpec } from '../../inference/spec.ts';
import { layoutOf, sizeOf, type Tensor } from '../../inference/tensor.ts';
import { CANONICAL, errorBody, httpStatusOf, TFSERVING_ERRORS } from './errors.ts';
import { decodeExamples, tensorsOf } from './examples.ts';
import { metadataBody, statusBody } from './info-bodies.ts';
import { readJson } from './json-reader.ts';
import { decimal, general } from './numbers.ts';
import { decodePredict, readBody, signatureIn } from './predict-request.ts';
import { allOf, signed } from './signatures.ts';
import { encodePredict } from './predict-response.ts';
import { classesOf, encodeClasses, encodeValues, valuesOf } from './results.ts';
import { parseTarget } from './target.ts';

const FIXTURES = path.join(import.meta.dirname, 'testdata');
const fixture = (name: string): string => readFileSync(path.join(FIXTURES, name), 'utf8');

const input = (name: string, dtype: DType = 'float32', shape: number[] = [-1, 2]): TensorSpec => ({ name, dtype, shape });
const ONE = [input('x')];
const TWO = [input('a'), input('b', 'int64', [-1])];
const predict = (body: string, inputs: readonly TensorSpec[] = ONE): { format: string; tensors: Tensor[] } => {
  const json = readBody(body, 'large-bigint');
  return decodePredict(json, signatureIn(json, spec([...inputs], [])).spec.signature.inputs);
};
const tensor = (name: string, dtype: DType, shape: number[], values: unknown[]): Tensor => {
  const data = layoutOf(dtype).make(sizeOf(shape)) as unknown[];
  values.forEach((value, at) => { data[at] = value; });
  return { name, dtype, shape, data: data as Tensor['data'] };
};
const spec = (inputs: TensorSpec[], outputs: TensorSpec[], more: Partial<ServingSpec> = {}): ServingSpec => ({
  name: 'm', version: '1', format: 'saved-model', signature: { inputs, outputs }, takes: 'tensors', numeric: [], postprocessing: [], maxInt64: 2 ** 31, explanation: 'none', baseline: {}, ...more,
});
const words = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(InferenceError);
    return (error as InferenceError).message;
  }
  throw new Error('nothing was thrown');
};

describe('numbers', () => {
  it.each([
    [1, '1.0'], [0, '0.0'], [-0, '-0.0'], [9_000_000, '9e+06'], [Math.fround(1 / 3), '0.333333343'], [Math.fround(0.2), '0.2'], [Math.fround(0.000_03), '3e-05'], [123_456, '123456.0'],
    [Math.fround(1_234_567), '1234567.0'], [Math.fround(100_000.5), '100000.5'], [1e30, '1e+30'], [NaN, 'NaN'], [Infinity, 'Infinity'], [-Infinity, '-Infinity'], [2 ** -14, '6.10351562e-05'], [-2.5, '-2.5'],
  ])('float32 %f is %s', (value, text) => {
    expect(decimal(Math.fround(value), 'float32')).toBe(text);
  });

  it('float64 has seventeen digits where six do not do', () => {
    expect(decimal(0.1, 'float64')).toBe('0.1');
    expect(decimal(1 / 3, 'float64')).toBe('0.33333333333333331');
    expect(general(123_456_789, 6)).toBe('1.23457e+08');
  });

  it('what lies halfway goes to the even digit', () => {
    expect([100_000.5, 100_001.5, -100_002.5, 100_000.500_01].map((value) => general(value, 6))).toEqual(['100000', '100002', '-100002', '100001']);
  });

  it('every number reads back as itself', () => {
    fc.assert(fc.property(fc.float({ noNaN: true }), (value) => Object.is(Math.fround(Number(decimal(value, 'float32'))), value)));
    fc.assert(fc.property(fc.double({ noNaN: true }), (value) => Object.is(Number(decimal(value, 'float64')), value)));
  });
});

describe('JSON', () => {
  it('reads what JSON.parse reads, and the same', () => {
    fc.assert(fc.property(fc.json({ maxDepth: 5 }), (text) => {
      const read = readJson(text, 'large-bigint');
      expect(JSON.stringify(read, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value))).toBe(JSON.stringify(JSON.parse(text)));
    }));
  });

  it('never throws anything but its own error, whatever comes', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[[\]{}",:0-9.eE+\-NaIfty\\u ]*$/), fc.tuple(fc.json(), fc.nat(), fc.string()).map(([text, at, more]) => text.slice(0, at) + more)), (text) => {
      try {
        readJson(text, 'always-bigint');
      } catch (error) {
        expect((error as Error).name).toBe('JsonParseError');
      }
    }), { numRuns: 2000 });
  });

  it('keeps 64 bits and takes bare NaN and Infinity', () => {
    expect(readJson('[9007199254740993, NaN, -Infinity, 1.0]', 'large-bigint')).toEqual([9_007_199_254_740_993n, NaN, -Infinity, 1]);
    expect(readJson('{"__proto__": 1}', 'large-bigint')).toHaveProperty(['__proto__'], 1);
    expect(predict('{"instances":[9007199254740993]}', [input('x', 'int64', [-1])]).tensors[0]?.data).toEqual(BigInt64Array.of(9_007_199_254_740_993n));
  });

  it('looks over a byte order mark, and joins both halves of a pair', () => {
    expect(predict('\uFEFF{"instances":[[1,2]]}').tensors[0]?.shape).toEqual([1, 2]);
    expect(predict('{"instances":["\\ud83d\\ude00", "\\uD83D\\uDE00"]}', [input('s', 'string', [-1])]).tensors[0]?.data).toEqual(['\u{1F600}', '\u{1F600}']);
    expect(predict('{"instances":[[1e308,1e-999]]}', [input('x', 'float64', [-1, 2])]).tensors[0]?.data).toEqual(Float64Array.of(1e308, 0));
  });

  it('looks at nothing after the root value', () => {
    expect(predict('{"instances":[[1,2]]} trailing').tensors[0]?.shape).toEqual([1, 2]);
  });
});

describe('bodies to the byte', () => {
  const rows: Record<string, () => string> = {
    'predictions-vectors.json': () => encodePredict([tensor('y', 'float32', [2, 2], [0.5, 1 / 3, 1, 9e6].map(Math.fround))], 'row'),
    'predictions-scalars.json': () => encodePredict([tensor('y', 'float32', [3], [2.5, 3, 4.5])], 'row'),
    'predictions-several.json': () => encodePredict([tensor('label', 'string', [2], ['a"b', '\u0001é']), tensor('image_bytes', 'string', [2], ['xy', 'z']), tensor('n', 'int64', [2, 2], [1n, -2n, 3n, 4n]), tensor('ok', 'bool', [2], [1, 0])], 'row'),
    'predictions-cube.json': () => encodePredict([tensor('y', 'float64', [1, 2, 2], [NaN, Infinity, -Infinity, 0.1])], 'row'),
    'outputs-one.json': () => encodePredict([tensor('y', 'float32', [2, 2], [1, 2, 3, 4])], 'columnar'),
    'outputs-several.json': () => encodePredict([tensor('y', 'float32', [1], [1]), tensor('n', 'int32', [], [7]), tensor('none', 'int32', [0], [])], 'columnar'),
    'results-classify.json': () => encodeClasses([[{ label: 'a', score: 0.25 }, { label: 'b', score: 0.75 }], [{ label: 'a', score: 1 }, { label: 'b', score: 0 }]]),
    'results-regress.json': () => encodeValues([1, 2.5]),
    'error.json': () => errorBody('Missing "x"\n in <request>'),
    'status.json': () => statusBody([{ version: 1, state: 'AVAILABLE', error: undefined }, { version: 12, state: 'END', error: { code: 'model_failed', message: 'broken' } }]),
    'metadata.json': () => metadataBody('half', 123, spec([input('x', 'float32', [-1, 1])], [input('y', 'string', [-1])])),
  };

  it.each(Object.keys(rows))('%s', (name) => {
    expect(rows[name]?.()).toBe(fixture(name));
  });

  it('has no fixture that nothing makes', () => {
    expect(readdirSync(FIXTURES).filter((name) => name.endsWith('.json')).sort()).toEqual(Object.keys(rows).sort());
  });
});

describe('predict', () => {
  it('reads rows and columns of every kind', () => {
    expect(predict('{"instances":[[1,2],[3,4]]}')).toMatchObject({ format: 'row', tensors: [{ name: 'x', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }] });
    expect(predict('{"instances":[{"a":[1,2],"b":7},{"b":8,"a":[3,4]}]}', TWO).tensors).toMatchObject([{ name: 'a', shape: [2, 2] }, { name: 'b', shape: [2], data: BigInt64Array.of(7n, 8n) }]);
    expect(predict('{"inputs":{"a":[[1,2]],"b":[7]}}', TWO)).toMatchObject({ format: 'columnar', tensors: [{ shape: [1, 2] }, { shape: [1] }] });
    expect(predict('{"inputs":[[1,NaN]],"signature_name":"serving_default"}').tensors[0]?.data).toEqual(Float32Array.of(1, NaN));
    expect(predict('{"instances":[{"b64":"aGk="},"x"]}', [input('s', 'string', [-1])]).tensors[0]?.data).toEqual([new Uint8Array([104, 105]), 'x']);
    expect(predict('{"instances":[[true,false]]}', [input('x', 'bool')]).tensors[0]?.data).toEqual(Uint8Array.of(1, 0));
  });

  const cases: [string, string, (readonly TensorSpec[])?][] = [
    ['', 'JSON Parse error: The document is empty'],
    ['  ', 'JSON Parse error: The document is empty. at offset: 2'],
    ['{"instances":[1e400]}', 'JSON Parse error: Number too big to be stored in double. at offset: 14'],
    ['{"instances":[NaN,-1E+999]}', 'JSON Parse error: Number too big to be stored in double. at offset: 18'],
    ['{"instances":["\\ud800"]}', 'JSON Parse error: The surrogate pair in string is invalid. at offset: 15'],
    ['{"instances":["\\ud800\\u0041"]}', 'JSON Parse error: The surrogate pair in string is invalid. at offset: 15'],
    ['{"instances":["é\\uDFFF"]}', 'JSON Parse error: The surrogate pair in string is invalid. at offset: 17'],
    ['{"instances":["\\ud83d\\uzzzz"]}', 'JSON Parse error: Incorrect hex digit after \\u escape in string. at offset: 15'],
    ['{"instances":["a\\q"]}', 'JSON Parse error: Invalid escape character in string. at offset: 16'],
    ['{"instances"', 'JSON Parse error: Missing a colon after a name of object member. at offset: 12'],
    ['{"instances":[é]}', 'JSON Parse error: Invalid value. at offset: 14'],
    ['{"instances":[[1,2]', "JSON Parse error: Missing a comma or ']' after an array element. at offset: 19"],
    ['{"instances":[[1,02]]}', "JSON Parse error: Missing a comma or ']' after an array element. at offset: 18"],
    ['{"instances":[[1,1.5.2]]}', "JSON Parse error: Missing a comma or ']' after an array element. at offset: 20"],
    ['{"instances":[[1,2]]', "JSON Parse error: Missing a comma or '}' after an object member. at offset: 20"],
    ['{"instances":[1,]}', 'JSON Parse error: Invalid value. at offset: 16'],
    ['{"instances":[tru]}', 'JSON Parse error: Invalid value. at offset: 17'],
    ['{"instances":[Nope]}', 'JSON Parse error: Invalid value. at offset: 15'],
    ['{"instances":[-Infinite]}', 'JSON Parse error: Invalid value. at offset: 22'],
    ['{"instances":[-]}', 'JSON Parse error: Invalid value. at offset: 15'],
    ['{"instances":[2.]}', 'JSON Parse error: Miss fraction part in number. at offset: 16'],
    ['{"instances":[2.5e-]}', 'JSON Parse error: Miss exponent in number. at offset: 19'],
    ['{"instances":["a\n"]}', 'JSON Parse error: Invalid escape character in string. at offset: 16'],
    ['{"instances":["a', 'JSON Parse error: Missing a closing quotation mark in string. at offset: 16'],
    [' }', 'JSON Parse error: The document is empty. at offset: 1'],
    ['[1, [2.5, "\\u001f"], {}]', 'JSON Value: [1, [2.5, "\\u001F"], {}] Is not object'],
    ['1e39', 'JSON Value: 1e39 Is not object'],
    ['18446744073709551616', 'JSON Value: 18446744073709552000.0 Is not object'],
    [`[${'100, '.repeat(300)}1]`, `JSON Value: [${'100, '.repeat(50)}100, 100 Is not object`],
    [`["${'é'.repeat(126)}", 1, 2]`, `JSON Value: ["${'é'.repeat(126)}", 1 Is not object`],
    ['{}', "Missing 'inputs' or 'instances' key"],
    ['{"instances":[1],"inputs":[1]}', `JSON Value: ${'{\n    "instances": [1],\n    "inputs": [1]\n}'} Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist `],
    ['{"instances":1}', `JSON Value: {\n    "instances": 1\n} Expecting 'instances' to be an list/array`],
    ['{"instances":[]}', `JSON Value: {\n    "instances": []\n} No values in 'instances' array`],
    ['{"signature_name":1,"instances":[1]}', `JSON Value: {\n    "signature_name": 1,\n    "instances": [1]\n} not formatted correctly. 'signature_name' key must be a string value.`],
    ['{"signature_name":"other","instances":[1]}', 'Serving signature name: "other" not found in signature def'],
    ['{"instances":[1,2]}', 'instances is a plain list, but expecting list of objects as multiple input tensors required as per tensorinfo_map', TWO],
    ['{"instances":[{"a":[1,2],"b":"x"}]}', `Failed to process element: 0 key: b of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: "x" Type: String is not of expected type: int64`, TWO],
    ['{"instances":[{"a":[1,2]}]}', `Failed to process element: 0 of 'instances' list. JSON object: {\n    "a": [1, 2]\n} keys must be equal to: a,b`, TWO],
    ['{"instances":[{"x":[1,2]},[1,2]]}', 'Expecting object but got list at item 1 of input list'],
    ['{"instances":[[1,2],{"x":[1,2]}]}', 'Expecting value/list but got object at item 1 of input list'],
    ['{"inputs":{"a":[[1,2]]}}', "Missing named input: b in 'inputs' object.", TWO],
    ['{"inputs":[1]}', 'inputs is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map', TWO],
    ['{"inputs":[["x"]]}', 'JSON Value: "x" Type: String is not of expected type: float'],
    ['{"inputs":[[1,2],[3]]}', 'Encountered list at unexpected size: 1 at level: 1 expected size: 2'],
    ['{"inputs":[[1,[2]]]}', 'Encountered list at unexpected level: 2 expected < 2'],
    ['{"inputs":[[1],2]}', 'JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2'],
    ['{"instances":[[1,2],[3]]}', "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting tensor size: 2 but got: 1"],
    ['{"instances":[[1,2],[[3],[4]]]}', "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting shape [2] but got: [2,1]"],
    ['{"inputs":[[1e300]]}', 'Cannot convert JSON value: 1e300 to float without loss of precision.'],
    ['{"inputs":{"b64":"%"}}', 'Unable to base64 decode', [input('s', 'string', [])]],
    ['{"inputs":[{"c":1}]}', 'JSON Value: {\n    "c": 1\n} not formatted correctly for base64 data', [input('s', 'string', [-1])]],
  ];
  it.each(cases)('%s', (body, message, inputs) => {
    expect(words(() => predict(body, inputs))).toBe(message);
  });

  it('of two keys alike takes the first, whatever else the body holds', () => {
    for (const also of ['', ',"other":12345678901234567890', ',"other":NaN']) {
      expect(readBody(`{"instances":[[1]],"instances":[[2]]${also}}`, 'large-bigint')['instances']).toEqual([[1]]);
      expect(readBody(`{"signature_name":"","inputs":[1],"inputs":[2],"signature_name":"x"${also}}`, 'large-bigint')).toMatchObject({ inputs: [1], signature_name: '' });
    }
  });

  it('of names that are given twice in a row the last counts, whichever way the body is read', () => {
    for (const last of ['2', 'NaN']) expect(predict(`{"instances":[{"a":[1,2],"b":7,"a":[3,${last}]}]}`, TWO).tensors[0]?.data).toEqual(Float32Array.of(3, Number(last)));
  });

  it('does not let a short body claim a large tensor, nor a deep one the stack', () => {
    const long = `[${'0,'.repeat(20_000)}0]`;
    expect(words(() => predict(`{"instances":[${long},${'0,'.repeat(20_000)}0]}`))).toContain('Expecting tensor size');
    expect(words(() => predict(`{"inputs":[[${long}],${'0,'.repeat(20_000)}0]}`))).toContain('found at incorrect level');
    expect(words(() => predict(`{"inputs":${'['.repeat(100_000)}${']'.repeat(100_000)}}`))).toContain('level');
    expect(words(() => predict(`{"inputs":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}`)).length).toBeLessThan(600);
  });

  it('what is printed is read again as the same tensor', () => {
    const values = fc.array(fc.array(fc.float(), { minLength: 3, maxLength: 3 }), { minLength: 1, maxLength: 4 });
    const largest = Math.fround(3.402_823_5e38);
    fc.assert(fc.property(values, fc.constantFrom('row' as const, 'columnar' as const), (rows, format) => {
      const one = tensor('x', 'float32', [rows.length, 3], rows.flat());
      const body = encodePredict([one], format).replace('"predictions"', '"instances"').replace('"outputs"', '"inputs"');
      expect(predict(body).tensors).toEqual([one]);
    }), { examples: [[[[0, -largest, largest]], 'row']] });
  });

  it('anything at all is read or refused in words', () => {
    const body = fc.record({ instances: fc.jsonValue({ maxDepth: 4 }), inputs: fc.jsonValue({ maxDepth: 4 }), signature_name: fc.jsonValue({ maxDepth: 1 }) }, { requiredKeys: [] });
    fc.assert(fc.property(fc.oneof(body.map((value) => JSON.stringify(value)), fc.string()), fc.constantFrom(ONE, TWO), (text, inputs) => {
      try {
        predict(text, inputs);
      } catch (error) {
        expect(error).toBeInstanceOf(InferenceError);
      }
    }), { numRuns: 1000 });
  });
});

describe('examples', () => {
  const labelled = spec([input('x', 'float32', [-1, 2])], [{ ...input('p', 'float32', [-1, 2]), labels: ['no', 'yes'] }]);
  const examples = (body: string): ReturnType<typeof decodeExamples> => decodeExamples(readBody(body, 'always-bigint'));

  it('give their features the kind of their values', () => {
    const [one] = examples('{"examples":[{"i":[1,true],"f":1.0,"s":["a",{"b64":"Yg=="}]}],"context":{"c":2}}');
    expect(Object.fromEntries(one ?? [])).toEqual({ c: { kind: 'int64', values: [2n] }, i: { kind: 'int64', values: [1n, 1n] }, f: { kind: 'float', values: [1] }, s: { kind: 'bytes', values: [new Uint8Array([97]), new Uint8Array([98])] } });
  });

  it('of a feature that is given twice the last counts, and what has more than 64 bits is a float', () => {
    const [one] = examples('{"examples":[{"x":[1],"y":36893488147419103232,"x":[2]}],"examples":[{}]}');
    expect(Object.fromEntries(one ?? [])).toEqual({ x: { kind: 'int64', values: [2n] }, y: { kind: 'float', values: [2 ** 65] } });
  });

  it('become tensors by the name of an input, or one feature each', () => {
    expect(tensorsOf(examples('{"examples":[{"x":[1,2]},{"x":[3.5,4.5]}]}'), labelled)).toMatchObject([{ shape: [2, 2], data: Float32Array.of(1, 2, 3.5, 4.5) }]);
    const contract = { id: 'c', features: ['left', 'right'].map((name) => ({ name, type: 'number' as const, nullable: false, finite: true })) };
    expect(tensorsOf(examples('{"examples":[{"right":2,"left":1}]}'), { ...labelled, contract })[0]?.data).toEqual(Float32Array.of(1, 2));
    expect(tensorsOf(examples('{"examples":[{"anything":"good"}]}'), { ...labelled, takes: 'text' })).toMatchObject([{ name: 'text', dtype: 'string', shape: [1] }]);
  });

  it.each([
    ['{}', "key 'examples' is expected"], ['{"examples":1}', 'to be an list/array'], ['{"examples":[]}', 'is an empty array'], ['{"examples":[1]}', 'Example must be JSON object but got JSON Number'],
    ['{"examples":[{"x":[1,1.0,null]}]}', 'Unexpected element type in feature: x expecting type: int64'], ['{"examples":[{"x":null}]}', 'Feature: x has element with unexpected JSON type: Null'],
    ['{"examples":[{"x":18446744073709551615}]}', 'has uint64_t element. Only int64_t is supported.'], ['{"examples":[{"y":1}]}', 'Feature: x (data type: float32) is required but could not be found'], ['{"examples":[{"x":1}]}', 'Number of values != expected'],
  ])('%s', (body, message) => {
    expect(words(() => tensorsOf(examples(body), labelled))).toContain(message);
  });

  it('classes have the labels in their order; one score stands for two', () => {
    const output = tensor('p', 'float32', [1, 2], [0.25, 0.75]);
    expect(classesOf([output], labelled)).toEqual([[{ label: 'no', score: 0.25 }, { label: 'yes', score: 0.75 }]]);
    const binary = spec([], [{ ...input('p', 'float32', [-1, 1]), labels: ['no', 'yes'] }]);
    expect(classesOf([tensor('p', 'float32', [1, 1], [0.75])], binary)).toEqual([[{ label: 'no', score: 0.25 }, { label: 'yes', score: 0.75 }]]);
    expect(valuesOf([tensor('p', 'float32', [2, 1], [1, 2])], binary)).toEqual([1, 2]);
    expect(words(() => valuesOf([output], labelled))).toContain('but got [1,2]');
  });
});

describe('URLs', () => {
  it.each([
    ['POST', '/v1/models/m:predict', { kind: 'call', method: 'predict', target: { name: 'm' } }],
    ['POST', '/V1/Models/m/VERSIONS/3:classify', { kind: 'call', method: 'classify', target: { version: '3' } }],
    ['POST', '/v1/models/a%20b/labels/stable:regress', { target: { name: 'a b', label: 'stable' } }],
    ['GET', '/v1/models/m', { kind: 'status' }],
    ['GET', '/v1/models/m/versions/3/metadata', { kind: 'metadata', target: { version: '3' } }],
    ['GET', '/v1/models/m/METADATA', { kind: 'status' }],
  ])('%s %s', (method, url, parsed) => {
    expect(parseTarget(method, url)).toMatchObject(parsed);
  });

  it.each([
    ['GET', '/v1/models', 'Missing model name in request.'], ['GET', '/v1/models/m:predict', 'Malformed request: GET /v1/models/m:predict'], ['POST', '/v1/models/m', 'Malformed request: POST /v1/models/m'],
    ['PUT', '/v1/models/m', 'Malformed request: PUT /v1/models/m'], ['POST', '/v1/models/m:Predict', 'Malformed request: POST /v1/models/m:Predict'], ['POST', '/v1/models/m/versions/99999999999999999999:predict', 'Failed to convert version: 99999999999999999999 to numeric.'], ['GET', '/v1/models/%zz', 'Failed to decode model name:%zz'],
  ])('%s %s is refused', (method, url, message) => {
    expect(words(() => parseTarget(method, url))).toBe(message);
  });
});

describe('errors', () => {
  it('each code of the catalogue has a status and a canonical code', () => {
    expect(Object.keys(TFSERVING_ERRORS).sort()).toEqual(Object.keys(ERRORS).sort());
    for (const code of Object.keys(ERRORS) as ErrorCode[]) expect(httpStatusOf(code)).toBeGreaterThanOrEqual(400);
    expect(httpStatusOf('model_version_elsewhere')).toBe(421); // the router goes on by it
    expect(httpStatusOf('queue_full')).toBe(CANONICAL.UNAVAILABLE.http);
  });
});

describe('signatures', () => {
  const other = spec(ONE, [], { signatureName: 'other' });
  const model = spec(TWO, [], { signatureName: 'main', others: { other } });
  it.each<[string, string, ServingSpec, { spec: ServingSpec; signature?: string } | undefined]>([
    ['no name is the model\'s own', '', model, { spec: model }],
    ['its own name too', 'main', model, { spec: model }],
    ['serving_default, where none is called so', 'serving_default', model, { spec: model }],
    ['another', 'other', model, { spec: other, signature: 'other' }],
    ['serving_default, where one is called so', 'serving_default', { ...model, others: { serving_default: other } }, { spec: other, signature: 'serving_default' }],
    ['none', 'toString', model, undefined],
    ['of a model that is no SavedModel', 'serving_default', spec(ONE, []), { spec: spec(ONE, []) }],
  ])('%s', (_, name, of, found) => {
    expect(signed(of, name)).toEqual(found);
  });

  it('are all told of', () => {
    expect(Object.keys(allOf(model))).toEqual(['main', 'other']);
    expect(Object.keys(allOf(spec(ONE, [])))).toEqual(['serving_default']);
  });
});
