import { expect, it } from 'vitest';
import { ModelPackage } from './model-package.ts';
import { packageIssues } from './package-issues.ts';

const words = (more: object): string => {
  const { error } = ModelPackage.safeParse({ apiVersion: 'modelpackage.slipway.dev/v1', name: 'pump', version: 'v1', format: 'onnx', ...more });
  return error === undefined ? 'nothing' : packageIssues(error);
};

it.each([
  ['a misspelt field', { preprocesing: [] }, '(root): Unrecognized key: "preprocesing"; did you mean preprocessing?'],
  ['a misspelt field below', { inputs: [{ name: 'x', shape: [1], dtyp: 'int32' }] }, 'inputs.0: Unrecognized key: "dtyp"; did you mean dtype?'],
  ['a field like none', { colour: 'blue' }, '(root): Unrecognized key: "colour"'],
  ['a step that there is not', { preprocessing: [{ resize: {} }] }, 'preprocessing.0: expected one step: numeric: {...} or text: {...}'],
  ['a step as a word', { postprocessing: ['softmax'] }, 'postprocessing.0: expected one step: softmax: {}, sigmoid: {}, threshold: {value}, labels: [...] or topK: {k}'],
  ['two steps in one', { postprocessing: [{ softmax: {}, topK: { k: 1 } }] }, 'postprocessing.0: expected one step: softmax: {}, sigmoid: {}, threshold: {value}, labels: [...] or topK: {k}'],
  ['a step without its value', { postprocessing: [{ softmax: null }] }, 'postprocessing.0.softmax: Invalid input: expected object, received null'],
  ['a wrong value in a step', { postprocessing: [{ topK: { k: 0 } }] }, 'postprocessing.0.topK.k: Too small: expected number to be >=1'],
  ['a field that a step lacks', { postprocessing: [{ topK: {} }] }, 'postprocessing.0.topK.k: Invalid input: expected number, received undefined'],
  ['a digest that is none', { trainingData: { tag: 'a', sha256: 'ABC' } }, 'trainingData.sha256: expected a SHA-256: 64 hexadecimal digits in lower case'],
  ['an unknown uncertainty', { uncertainty: 'variance' }, 'uncertainty: expected entropy, margin or output:NAME'],
  ['a number that is none', { baseline: { noise: Number.NaN } }, 'baseline.noise: Invalid input: expected number, received NaN'],
  ['what is right', { uncertainty: 'output:variance' }, 'nothing'],
])('%s', (_what, more, expected) => {
  expect(words(more)).toBe(expected);
});

it('no more than the first five are told', () => {
  expect(words({ outputs: Array.from({ length: 9 }, () => ({ name: '' })) }).split('; ')).toHaveLength(5);
});
