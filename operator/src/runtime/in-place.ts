// Owns how the operator knows, without any memory of its own, that an object is as it was last applied: the intent's hash is an annotation of
// the object, and the API server's managed fields say which of the applied fields nobody has taken over since. So a restart writes nothing.
// Pure, but for the table that shares equal field sets. Must not read or write the API.
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { ANNOTATIONS, FIELD_MANAGER } from '@slipway/api';
import type { KubeObject } from '@slipway/kube';

/** The API server's FieldsV1: `f:name` is a field, `k:{...}` an item by its keys, `v:...` an item by its value; `{}` means all of it. */
type Fields = { readonly [path: string]: Fields };

interface ManagedFields {
  manager?: string;
  operation?: string;
  subresource?: string;
  fieldsV1?: Fields;
}

/** Different field sets that are kept once for all: there is about one for each kind, times what users vary. */
const SHARED_AT_MOST = 500;
const shared = new Map<string, Fields>();

/** Short hash of a value, by its JSON text. */
export const hashOf = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('base64url').slice(0, 22);

/** The intent as it is sent: it carries its own hash. */
export function marked(intent: KubeObject): KubeObject {
  const annotations = { ...intent.metadata.annotations, [ANNOTATIONS.intent]: hashOf(intent) };
  return { ...intent, metadata: { ...intent.metadata, annotations } };
}

/** What `isAsApplied` needs of an object's metadata, for a cache that keeps nothing else of the managed fields. */
export function ownedMetadata({ metadata }: KubeObject): Pick<KubeObject['metadata'], 'managedFields'> {
  const ours = ((metadata.managedFields ?? []) as ManagedFields[]).find(
    ({ manager, operation, subresource }) => manager === FIELD_MANAGER && operation === 'Apply' && (subresource ?? '') === '',
  );
  return ours?.fieldsV1 === undefined ? {} : { managedFields: [{ fieldsV1: sharedFields(ours.fieldsV1) }] };
}

/** Owner references name a uid, which no two objects share; they are compared by value instead. */
function sharedFields(fields: Fields): Fields {
  const { 'f:ownerReferences': _owners, ...metadata } = fields['f:metadata'] ?? {};
  const lean = { ...fields, 'f:metadata': metadata };
  const text = JSON.stringify(lean);
  const known = shared.get(text);
  if (known !== undefined) return known;
  if (shared.size >= SHARED_AT_MOST) shared.clear();
  shared.set(text, lean);
  return lean;
}

/** True if the live object, cut down by `ownedMetadata`, is what applying the intent made of it. False may also mean: cannot tell. */
export function isAsApplied(live: KubeObject, intent: KubeObject): boolean {
  const fields = (live.metadata.managedFields as ManagedFields[] | undefined)?.[0]?.fieldsV1;
  if (fields === undefined || live.metadata.annotations?.[ANNOTATIONS.intent] !== hashOf(intent)) return false;
  const owners = live.metadata.ownerReferences ?? [];
  const isOwner = (owner: unknown): boolean => owners.some((each) => isDeepStrictEqual(each, owner));
  return (intent.metadata.ownerReferences ?? []).every(isOwner) && covers(fields, listed(marked(intent)));
}

/** Without what the API server never lists among managed fields, or what is compared by value. */
function listed({ apiVersion: _version, kind: _kind, metadata: { labels, annotations }, ...rest }: KubeObject): unknown {
  return { ...rest, metadata: { labels, annotations } };
}

/** True if every field of the value is still ours. */
function covers(fields: Fields, value: unknown): boolean {
  if (Object.keys(fields).length === 0 || typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every((item) => coversItem(fields, item));
  const named = Object.entries(value).filter(([, each]) => each !== undefined && each !== null);
  return named.every(([name, each]) => {
    const child = fields[`f:${name}`];
    return child !== undefined && covers(child, each);
  });
}

function coversItem(fields: Fields, item: unknown): boolean {
  const found = Object.entries(fields).find(([path]) => names(path, item));
  return found !== undefined && covers(found[1], item);
}

/** Whether a path element names this item of a list. A key that the item leaves out was filled in by the API server. */
function names(path: string, item: unknown): boolean {
  if (path.startsWith('v:')) return isDeepStrictEqual(JSON.parse(path.slice(2)), item);
  if (!path.startsWith('k:') || typeof item !== 'object' || item === null) return false;
  const keys = Object.entries(JSON.parse(path.slice(2)) as Record<string, unknown>);
  return keys.every(([key, value]) => (item as Record<string, unknown>)[key] === undefined || (item as Record<string, unknown>)[key] === value);
}
