// The image follows the declared format, and what is declared only.
import { expect, it } from 'vitest';
import { serverImageFor } from './server-image.ts';

const images = { server: 'server:1', router: 'router:1', serverOnnx: 'server-onnx:1' };
const model = (format?: 'onnx' | 'tfjs-graph') => ({ model: { storageUri: 's3://b/m', ...(format === undefined ? {} : { format }) } }) as Parameters<typeof serverImageFor>[0];

it.each([
  ['declared ONNX', model('onnx'), images, 'server-onnx:1'],
  ['another format', model('tfjs-graph'), images, 'server:1'],
  ['no format', model(), images, 'server:1'],
  ['ONNX without a small image', model('onnx'), { server: 'server:1', router: 'router:1' }, 'server:1'],
  ['a server of the user', { ...model(), runtime: { image: 'own:1' } } as Parameters<typeof serverImageFor>[0], images, 'own:1'],
])('%s', (_what, spec, known, expected) => {
  expect(serverImageFor(spec, known)).toBe(expected);
});
