// Owns the bodies of KServe's V1 protocol. PURE.
import { parseJson } from '../../http/json-body.ts';
import { asInferenceError, InferenceError } from '../../inference/errors.ts';
import { MAX_EXPLAINED_ROWS } from '../../pipeline/explain.ts';
import type { CallResult } from '../../pipeline/call.ts';
import { isRecord, type Sent } from '../instances/instances.ts';

/** `{"instances": [...]}` or `{"inputs": ...}`. @throws InferenceError */
export function decodeBody(text: string): Sent {
  const body = parsed(text);
  if (!isRecord(body)) throw new InferenceError('malformed_request', 'Expected "instances" or "inputs" in an object.');
  const { instances, inputs } = body;
  if (instances === undefined && inputs === undefined) throw new InferenceError('malformed_request', 'Expected "instances" or "inputs" to be in the request.');
  if (instances === undefined) return { inputs };
  if (!Array.isArray(instances)) throw new InferenceError('malformed_request', 'Expected "instances" to be a list');
  return { rows: instances as unknown[] };
}

function parsed(text: string): unknown {
  try {
    return parseJson(text);
  } catch (thrown) {
    const { code, message } = asInferenceError(thrown);
    throw new InferenceError(code, `Unrecognized request format: ${message}`, { cause: thrown });
  }
}

/** @throws InferenceError not_supported, too_many_items */
export function encodeExplanations(result: CallResult): string {
  const [item] = result.results;
  if (item?.explanations !== undefined) return JSON.stringify({ explanations: item.explanations });
  if (result.spec.explanation === 'none') throw new InferenceError('not_supported', `Model ${result.spec.name} declares no explanation in its model.yaml.`);
  throw new InferenceError('too_many_items', `At most ${String(MAX_EXPLAINED_ROWS)} rows are explained in one call, and only of models whose features can be told apart.`);
}
