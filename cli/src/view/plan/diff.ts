// Owns the difference of two specs, field by field. Must not know what a field means.

export interface FieldChange {
  /** Such as model.storageUri or rollout.canary.steps[0].setWeight. */
  field: string;
  before?: unknown;
  after?: unknown;
}

type Fields = Record<string, unknown>;

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Leaves that differ, in the order of their names. */
export function changesOf(before: unknown, after: unknown, field = ''): FieldChange[] {
  if (isObject(before ?? after) && isObject(after ?? before)) return changesInObjects(fieldsOf(before), fieldsOf(after), field);
  if (Array.isArray(before) && Array.isArray(after)) return changesInLists(before, after, field);
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  return [changeOf(field, before, after)];
}

const fieldsOf = (value: unknown): Fields => (isObject(value) ? value : {});

function changeOf(field: string, before: unknown, after: unknown): FieldChange {
  return { field, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) };
}

function changesInObjects(before: Fields, after: Fields, field: string): FieldChange[] {
  const keys = Object.keys({ ...before, ...after }).sort();
  return keys.flatMap((key) => changesOf(before[key], after[key], field === '' ? key : `${field}.${key}`));
}

function changesInLists(before: readonly unknown[], after: readonly unknown[], field: string): FieldChange[] {
  const longer = before.length > after.length ? before : after;
  return longer.flatMap((_, index) => changesOf(before[index], after[index], `${field}[${String(index)}]`));
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
