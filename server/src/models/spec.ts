// Owns the making of a ServingSpec: what the package declares, checked against what the files really hold.
import type { ModelPackage, TensorSpec, TextPreprocessing } from '@slipway/api';
import { LoadError, type LoadedInfo } from '../backends/backend.ts';
import { isSupported } from '../inference/dtype-support.ts';
import { present } from '../inference/optional.ts';
import { DEFAULT_SIGNATURE, imageInputOf, type ServingSpec } from '../inference/spec.ts';
import { shapeText, type ModelSignature } from '../inference/tensor.ts';
import { checkDeclarations } from './declarations.ts';
import type { PackageOnDisk } from './model-package.ts';

export interface Identity {
  name: string;
  version: string;
}

/** @throws LoadError WrongSignature or UnsupportedDType saying what was declared and what was found. */
export function specFor(identity: Identity, files: PackageOnDisk, info: LoadedInfo): ServingSpec {
  const manifest: Partial<ModelPackage> = files.manifest ?? {};
  const signature = declaredSignature(manifest, info.signature);
  for (const tensor of [...signature.inputs, ...signature.outputs]) checkDType(tensor, files);
  checkDeclarations(manifest, signature);
  const steps = manifest.preprocessing ?? [];
  return {
    ...identity,
    format: files.format,
    signature,
    takes: steps.some((step) => 'text' in step) ? 'text' : 'tensors',
    numeric: steps.flatMap((step) => ('numeric' in step ? [step.numeric] : [])),
    postprocessing: manifest.postprocessing ?? [],
    maxInt64: info.maxInt64,
    explanation: manifest.explanation ?? 'none',
    baseline: manifest.baseline ?? {},
    ...signaturesOf(identity, files, info),
    ...present({ image: imageInputOf(signature), contract: manifest.dataContract, uncertainty: manifest.uncertainty, trainingDataTag: manifest.trainingData?.tag }),
  };
}

/** The package says nothing of the others: tensors go in and come out as the file has them. */
function signaturesOf(identity: Identity, files: PackageOnDisk, { others = {}, maxInt64 }: LoadedInfo): Pick<ServingSpec, 'signatureName' | 'others'> {
  if (files.format !== 'saved-model') return {};
  const served = Object.entries(others).filter(([, { inputs, outputs }]) => [...inputs, ...outputs].every(({ dtype }) => isSupported(files.format, dtype)));
  const specs = served.map(([signatureName, signature]): [string, ServingSpec] => [
    signatureName,
    { ...identity, format: files.format, signature, signatureName, takes: 'tensors', numeric: [], postprocessing: [], maxInt64, explanation: 'none', baseline: {}, ...present({ image: imageInputOf(signature) }) },
  ]);
  return { signatureName: files.manifest?.signature ?? DEFAULT_SIGNATURE, ...(specs.length === 0 ? {} : { others: Object.fromEntries(specs) }) };
}

export function textStepOf(manifest: ModelPackage | undefined): TextPreprocessing | undefined {
  for (const step of manifest?.preprocessing ?? []) if ('text' in step) return step.text;
  return undefined;
}

function declaredSignature(manifest: Partial<ModelPackage>, found: ModelSignature): ModelSignature {
  return { inputs: reconcile('input', manifest.inputs, found.inputs), outputs: reconcile('output', manifest.outputs, found.outputs) };
}

/** The file's tensors in the file's order, narrowed and labelled by the declaration. Names must agree. */
function reconcile(kind: string, declared: readonly TensorSpec[] | undefined, found: readonly TensorSpec[]): readonly TensorSpec[] {
  if (declared === undefined) return found;
  const names = (tensors: readonly TensorSpec[]): string => tensors.map((tensor) => tensor.name).sort().join(', ');
  if (names(declared) !== names(found)) throw new LoadError('WrongSignature', `model.yaml declares the ${kind}s ${names(declared)}; the model has ${names(found)}`);
  return found.map((tensor) => {
    const wanted = declared.find((candidate) => candidate.name === tensor.name) ?? tensor;
    checkAgainst(kind, wanted, tensor);
    return { ...tensor, shape: tensor.shape.map((dim, axis) => (dim === -1 ? (wanted.shape[axis] ?? -1) : dim)), ...(wanted.labels === undefined ? {} : { labels: wanted.labels }) };
  });
}

function checkAgainst(kind: string, declared: TensorSpec, found: TensorSpec): void {
  const compatible = declared.shape.length === found.shape.length && declared.shape.every((dim, axis) => dim === -1 || found.shape[axis] === -1 || dim === found.shape[axis]);
  if (declared.dtype === found.dtype && compatible) return;
  const words = (tensor: TensorSpec): string => `${tensor.dtype} ${shapeText(tensor.shape)}`;
  throw new LoadError('WrongSignature', `model.yaml declares ${kind} ${declared.name} as ${words(declared)}; the model has ${words(found)}`);
}

function checkDType(tensor: TensorSpec, { format, modelPath }: PackageOnDisk): void {
  if (!isSupported(format, tensor.dtype)) throw new LoadError('UnsupportedDType', `${modelPath}: ${tensor.name} has dtype ${tensor.dtype}, which ${format} models cannot have here`);
}
