// Owns which model a call means, as plain data a worker can have: enough to check and convert a large body away from the event
// loop. PURE. Whatever it can't tell is left for the engine, which has the last word.
import { InferenceError, meaning } from '../../inference/errors.ts';
import type { ServingSpec } from '../../inference/spec.ts';
import type { Entry, Registry } from '../../models/registry.ts';
import type { Call, Item } from '../../pipeline/call.ts';
import { prepareItem } from '../bodies/prepare.ts';

export interface SpecRow {
  name: string;
  aliases: readonly string[];
  version: string;
  isDefault: boolean;
  spec: ServingSpec;
}

export function specTable(registry: Registry): SpecRow[] {
  const row = (entry: Entry): SpecRow[] => {
    const { name, version, aliases, model } = entry;
    return model === undefined ? [] : [{ name, version, aliases, isDefault: registry.defaultVersion(name) === version, spec: model.spec }];
  };
  return registry.entries().flatMap(row);
}

function specOf(call: Call, table: readonly SpecRow[]): ServingSpec | undefined {
  const named = call.modelName === undefined ? table : table.filter((row) => row.name === call.modelName || row.aliases.includes(call.modelName ?? ''));
  const fitting = named.filter((row) => row.spec.takes === 'tensors' && (call.modelVersion === undefined ? row.isDefault : row.version === call.modelVersion));
  return fitting.length === 1 ? fitting[0]?.spec : undefined;
}

/**
 * The call with its tensors checked and converted, and pinned to the version that was meant.
 * @throws InferenceError as the engine would, naming the item.
 */
export function prepareCall(call: Call, table: readonly SpecRow[]): Call {
  const spec = specOf(call, table);
  if (spec === undefined) return call;
  const items = meaning(spec, () => call.items.map((item, index) => prepareAt(item, spec, call.items.length === 1 ? '' : `batch[${String(index)}]`)));
  return { ...call, modelName: spec.name, modelVersion: spec.version, items };
}

function prepareAt(item: Item, spec: ServingSpec, prefix: string): Item {
  try {
    return prepareItem(item, spec);
  } catch (error) {
    if (!(error instanceof InferenceError) || prefix === '') throw error;
    const errors = error.errors.map((issue) => ({ ...issue, path: `${prefix}.${issue.path}` }));
    throw new InferenceError(error.code, `${prefix}: ${error.message}`, { errors, cause: error });
  }
}
