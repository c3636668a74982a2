// Owns the data contract of a package: which values a feature may have. Judges values as they came, before any preprocessing.
// Must not know JSON; a missing value (null) arrives as NaN.
import type { FeatureContract } from '@slipway/api';
import { InferenceError, type Issue } from './errors.ts';
import type { DataContract } from './spec.ts';
import type { Tensor } from './tensor.ts';

const MAX_ISSUES = 20;

/**
 * Checks every value: finite everywhere unless the contract says otherwise, and each feature's own rules.
 * @param nonFinite takes NaN and Infinity where the contract says nothing (tensor protocols; the native API never does)
 * Features are the last axis of a tensor when there are as many, else inputs by name.
 * @throws InferenceError data_contract_violation naming at most 20 places.
 */
export function checkContract(tensors: readonly Tensor[], contract: DataContract | undefined, nonFinite = false): void {
  const issues: Issue[] = [];
  for (const tensor of tensors) {
    const features = featuresOf(tensor, contract);
    if (features.length > 0 || !nonFinite) checkTensor(tensor, features, issues);
    if (issues.length >= MAX_ISSUES) break;
  }
  const [first] = issues;
  if (first === undefined) return;
  throw new InferenceError('data_contract_violation', `${first.path}: expected ${first.expected}, got ${first.got}.`, { errors: issues });
}

/** Rules by position on the last axis; one rule for all positions when the feature is an input of its own. */
function featuresOf(tensor: Tensor, contract: DataContract | undefined): readonly FeatureContract[] {
  if (contract === undefined) return [];
  const named = contract.features.find((feature) => feature.name === tensor.name);
  if (named !== undefined) return [named];
  return contract.features.length === tensor.shape.at(-1) ? contract.features : [];
}

function checkTensor(tensor: Tensor, features: readonly FeatureContract[], issues: Issue[]): void {
  const { data } = tensor;
  if (features.length === 0 && !isFloat(data)) return;
  for (let index = 0; index < data.length && issues.length < MAX_ISSUES; index++) {
    const feature = features.length === 0 ? undefined : features[index % features.length];
    const expected = expectation(data[index], feature);
    if (expected !== undefined) issues.push({ path: pathOf(tensor, index, feature), expected, got: text(data[index]) });
  }
}

const isFloat = (data: Tensor['data']): boolean => data instanceof Float32Array || data instanceof Float64Array;
const text = (value: unknown): string => (value instanceof Uint8Array ? `${String(value.byteLength)} bytes` : String(value).slice(0, 60));

/** What was expected of a value, or undefined if it is as it should be. */
function expectation(raw: unknown, feature: FeatureContract | undefined): string | undefined {
  if (raw instanceof Uint8Array) return undefined;
  if (typeof raw === 'string') return feature === undefined ? undefined : categoryIssue(raw, feature);
  const value = Number(raw);
  if (!Number.isFinite(value)) return finiteIssue(value, feature);
  return feature === undefined ? undefined : (typeIssue(value, feature) ?? rangeIssue(value, feature) ?? categoryIssue(value, feature));
}

function finiteIssue(value: number, feature: FeatureContract | undefined): string | undefined {
  if (feature === undefined) return 'a finite number';
  if (Number.isNaN(value) && feature.nullable) return undefined;
  return feature.finite ? 'a finite number' : undefined;
}

function typeIssue(value: number, feature: FeatureContract): string | undefined {
  if (feature.type === 'integer' && !Number.isInteger(value)) return 'an integer';
  if (feature.type === 'boolean' && value !== 0 && value !== 1) return '0 or 1';
  return undefined;
}

function rangeIssue(value: number, feature: FeatureContract): string | undefined {
  if (feature.min !== undefined && value < feature.min) return `at least ${String(feature.min)}`;
  if (feature.max !== undefined && value > feature.max) return `at most ${String(feature.max)}`;
  return undefined;
}

function categoryIssue(value: string | number, feature: FeatureContract): string | undefined {
  if (feature.enum === undefined || feature.enum.includes(value)) return undefined;
  return `one of ${feature.enum.map(String).join(', ')}`;
}

/** `inputs.readings[0][2] (pressure)` */
function pathOf(tensor: Tensor, index: number, feature: FeatureContract | undefined): string {
  const places: number[] = [];
  let rest = index;
  for (let axis = tensor.shape.length - 1; axis >= 0; axis--) {
    const dim = tensor.shape[axis] ?? 1;
    places.unshift(rest % dim);
    rest = Math.floor(rest / dim);
  }
  const where = `inputs.${tensor.name}${places.map((place) => `[${String(place)}]`).join('')}`;
  return feature === undefined || feature.name === tensor.name ? where : `${where} (${feature.name})`;
}
