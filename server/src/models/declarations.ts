// Owns what a package declares about a model beside its tensors (labels, data contract, baseline, uncertainty), held against the tensors
// that the model has. What does not fit would otherwise be left out of every answer, unseen. Must not read files.
import type { ModelPackage, TensorSpec } from '@slipway/api';
import { LoadError } from '../backends/backend.ts';
import { shapeText, type ModelSignature } from '../inference/tensor.ts';

type Declared = Partial<ModelPackage>;

/** @throws LoadError PackageInvalid or WrongSignature, naming the field and what would fit. */
export function checkDeclarations(declared: Declared, signature: ModelSignature): void {
  if (signature.inputs.length === 0) throw new LoadError('WrongSignature', 'the model has no input, so there is nothing that a call could send');
  if (signature.outputs.length === 0) throw new LoadError('WrongSignature', 'the model has no output');
  checkLabels(declared, signature.outputs);
  checkContract(declared, signature.inputs);
  checkBaseline(declared);
  checkUncertainty(declared, signature.outputs);
}

const shapesOf = (tensors: readonly TensorSpec[]): string => tensors.map(({ name, shape }) => `${name} is ${shapeText(shape)}`).join(', ');

/** Two labels fit one score: its opposite, and what it stands for. */
const fits = (labels: readonly string[], { shape }: TensorSpec): boolean => {
  const width = shape.at(-1);
  return width === undefined || width === -1 || labels.length === width || (width === 1 && labels.length === 2);
};

function checkLabels({ postprocessing = [] }: Declared, outputs: readonly TensorSpec[]): void {
  const refuse = (field: string, labels: readonly string[], tensors: readonly TensorSpec[]): never => {
    throw new LoadError('WrongSignature', `model.yaml: ${field}: ${String(labels.length)} labels, and the output ${shapesOf(tensors)}; give one for each place of the last dimension`);
  };
  for (const output of outputs) if (output.labels !== undefined && !fits(output.labels, output)) refuse('outputs', output.labels, [output]);
  for (const step of postprocessing) if ('labels' in step && !outputs.some((output) => fits(step.labels, output))) refuse('postprocessing', step.labels, outputs);
}

/** Features are the places of an input's last dimension, in their order, or inputs by their names. */
function checkContract({ dataContract }: Declared, inputs: readonly TensorSpec[]): void {
  const features = dataContract?.features ?? [];
  const fit = ({ name, shape }: TensorSpec): boolean => [-1, undefined, features.length].includes(shape.at(-1)) || features.some((feature) => feature.name === name);
  if (features.length === 0 || inputs.some(fit)) return;
  throw new LoadError('WrongSignature', `model.yaml: dataContract: ${String(features.length)} features, and the input ${shapesOf(inputs)}; give one for each place of the last dimension, or one with the name of an input`);
}

function checkBaseline({ baseline = {}, dataContract }: Declared): void {
  const known = dataContract?.features.map(({ name }) => name);
  const unknown = Object.keys(baseline).filter((name) => known?.includes(name) === false);
  if (unknown.length > 0) throw new LoadError('PackageInvalid', `model.yaml: baseline: ${unknown.join(', ')} is no feature; those of dataContract are ${known?.join(', ') ?? ''}`);
}

const OUTPUT = 'output:';

function checkUncertainty({ uncertainty = '' }: Declared, outputs: readonly TensorSpec[]): void {
  const name = uncertainty.startsWith(OUTPUT) ? uncertainty.slice(OUTPUT.length) : undefined;
  if (name === undefined || outputs.some((output) => output.name === name)) return;
  throw new LoadError('WrongSignature', `model.yaml: uncertainty: there is no output ${name}; the model has ${outputs.map((output) => output.name).join(', ')}`);
}
