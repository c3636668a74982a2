// Owns the difference of two specs, field by field. Must not know what a field means.

export interface FieldChange {
  /** Such as model.storageUri or rollout.canary.steps[0].setWeight. */
  field: string;
  before?: unknown;
  after?: unknown;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Leaves that differ, in the order of their names. */
export function changesOf(before: unknown, after: unknown, field = ''): FieldChange[] {
  if (isObject(before ?? after) && isObject(after ?? before)) return childrenOf({ ...(before ?? {}) }, { ...(after ?? {}) }, Object.keys({ ...(before ?? {}), ...(after ?? {}) }).sort(), (key) => (field === '' ? key : `${field}.${key}`));
  if (Array.isArray(before) && Array.isArray(after)) return childrenOf({ ...before }, { ...after }, Object.keys(before.length > after.length ? before : after), (key) => `${field}[${key}]`);
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  return [{ field, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }];
}

function childrenOf(before: Record<string, unknown>, after: Record<string, unknown>, keys: readonly string[], name: (key: string) => string): FieldChange[] {
  return keys.flatMap((key) => changesOf(before[key], after[key], name(key)));
}

/**
 * What `kubectl apply` makes of the result of a server-side one: fields that the last applied configuration had and the file has not any
 * more go away.
 */
export function withoutDropped(result: unknown, last: unknown, file: unknown): unknown {
  if (!isObject(result) || !isObject(last) || !isObject(file)) return result;
  const kept = Object.entries(result).filter(([key]) => file[key] !== undefined || last[key] === undefined);
  return Object.fromEntries(kept.map(([key, value]) => [key, withoutDropped(value, last[key], file[key])]));
}
