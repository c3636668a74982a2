// Owns the verbs of the Kubernetes API as raw JSON: every field, known or not, goes through unchanged in both directions.
// Must not cache, retry or know what any kind means.
import { ApiError, TransportError } from './errors.ts';
import { apiVersionOf, collectionPath, objectPath } from './resources.ts';
import type { ObjectRef, ResourceType } from './resources.ts';
import type { Call, Transport } from './transport.ts';
import type { KubeList, KubeObject, KubeStatus, WatchEvent } from './types.ts';

export interface Selection {
  /** One namespace; all when absent. */
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
  /** Only metadata comes back (PartialObjectMetadata). */
  metadataOnly?: boolean | undefined;
}

export interface ListOptions extends Selection {
  /** Items per page at most; absent means all in one answer. */
  limit?: number | undefined;
  /** Token of the next page, from the page before. */
  continue?: string | undefined;
  resourceVersion?: string | undefined;
  signal?: AbortSignal | undefined;
}

export interface WatchOptions extends Selection {
  /** Changes after this version are told. */
  resourceVersion: string;
  /** Seconds after which the server ends the watch. */
  timeoutSeconds: number;
  /** Milliseconds without a byte after which the connection counts as dead. */
  inactivityMs: number;
  signal?: AbortSignal | undefined;
}

export interface ApplyOptions {
  fieldManager: string;
  /** Takes fields over from other managers; without it their claim is a conflict (isApplyConflict). */
  force: boolean;
  dryRun?: boolean | undefined;
  subresource?: string | undefined;
}

export interface PatchOptions {
  type: 'merge' | 'json' | 'strategic';
  fieldManager?: string | undefined;
  subresource?: string | undefined;
}

export interface DeleteOptions {
  /** Deletes only this incarnation; another uid of that name is a conflict. */
  uid?: string | undefined;
  /** Deletes only if nothing changed since. */
  resourceVersion?: string | undefined;
  propagation?: 'Background' | 'Foreground' | 'Orphan' | undefined;
}

/** All methods reject with ApiError or TransportError. */
export interface Client {
  get<T extends KubeObject>(ref: ObjectRef, options?: { metadataOnly?: boolean; subresource?: string }): Promise<T>;
  list<T extends KubeObject>(type: ResourceType, options?: ListOptions): Promise<KubeList<T>>;
  create<T extends KubeObject>(type: ResourceType, object: T, options?: { fieldManager?: string; dryRun?: boolean }): Promise<T>;
  /** Server-side apply of the full intent. A resourceVersion or uid in the intent is a precondition. */
  apply<T extends KubeObject>(type: ResourceType, intent: T, options: ApplyOptions): Promise<T>;
  /** Server-side apply of the status subresource. */
  applyStatus<T extends KubeObject>(type: ResourceType, intent: T, options: { fieldManager: string; force: boolean }): Promise<T>;
  replace<T extends KubeObject>(type: ResourceType, object: T, options?: { subresource?: string }): Promise<T>;
  patch<T extends KubeObject>(ref: ObjectRef, patch: unknown, options: PatchOptions): Promise<T>;
  delete(ref: ObjectRef, options?: DeleteOptions): Promise<void>;
  watch(type: ResourceType, options: WatchOptions): Promise<AsyncIterable<WatchEvent>>;
  /** Any other path, such as discovery. */
  raw(path: string): Promise<unknown>;
  close(): Promise<void>;
}

const PATCH_TYPES = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  strategic: 'application/strategic-merge-patch+json',
} as const;
const APPLY_TYPE = 'application/apply-patch+yaml';
const DRY_RUN = { dryRun: 'All' };

const metadataAccept = (kind: string): string => `application/json;as=${kind};g=meta.k8s.io;v=v1`;
const refOf = (type: ResourceType, object: KubeObject): ObjectRef => ({ type, namespace: object.metadata.namespace, name: object.metadata.name });
const resourceOf = (type: ResourceType, subresource?: string): string => (subresource === undefined ? type.plural : `${type.plural}/${subresource}`);

function selectionQuery(selection: Selection): Record<string, string | undefined> {
  return { labelSelector: selection.labelSelector, fieldSelector: selection.fieldSelector };
}

function listCall(type: ResourceType, options: ListOptions): Call {
  return {
    verb: 'list',
    resource: type.plural,
    method: 'GET',
    path: collectionPath(type, options.namespace),
    query: { ...selectionQuery(options), limit: options.limit?.toString(), continue: options.continue, resourceVersion: options.resourceVersion },
    ...(options.metadataOnly === true ? { accept: metadataAccept('PartialObjectMetadataList') } : {}),
    signal: options.signal,
  };
}

function watchCall(type: ResourceType, options: WatchOptions): Call {
  return {
    verb: 'watch',
    resource: type.plural,
    method: 'GET',
    path: collectionPath(type, options.namespace),
    query: {
      ...selectionQuery(options),
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: options.resourceVersion,
      timeoutSeconds: String(options.timeoutSeconds),
    },
    ...(options.metadataOnly === true ? { accept: metadataAccept('PartialObjectMetadata') } : {}),
    timeoutMs: options.inactivityMs,
    signal: options.signal,
  };
}

function applyCall(type: ResourceType, intent: KubeObject, options: ApplyOptions): Call {
  return {
    verb: 'apply',
    resource: resourceOf(type, options.subresource),
    method: 'PATCH',
    path: objectPath(refOf(type, intent), options.subresource),
    query: { fieldManager: options.fieldManager, force: String(options.force), ...(options.dryRun === true ? DRY_RUN : {}) },
    body: { ...intent, apiVersion: apiVersionOf(type), kind: type.kind },
    contentType: APPLY_TYPE,
  };
}

function deleteCall(ref: ObjectRef, options: DeleteOptions): Call {
  const { uid, resourceVersion, propagation = 'Background' } = options;
  return {
    verb: 'delete',
    resource: ref.type.plural,
    method: 'DELETE',
    path: objectPath(ref),
    body: { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: propagation, preconditions: { uid, resourceVersion } },
  };
}

/** No object of Kubernetes comes near: etcd takes 1.5 MiB. What is longer is no watch event, and must not fill the memory. */
const LONGEST_LINE = 16 * 1024 * 1024;

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const isObject = (value: unknown): value is KubeObject => isRecord(value) && isRecord(value['metadata']);

/**
 * Items of a list carry neither apiVersion nor kind; a watch's do. Both are given them here, so that callers never see a difference.
 * An empty list of metadata comes with `items: null`. What is no list, or holds something that is no object, is a bad answer: taken for an
 * empty list, it would delete everything.
 */
function complete<T extends KubeObject>(list: KubeList<T>, type: ResourceType): KubeList<T> {
  const apiVersion = apiVersionOf(type);
  const items: unknown = isObject(list) ? (list.items ?? []) : undefined;
  if (!Array.isArray(items) || !items.every(isObject)) throw new TransportError('BadAnswer', `not a list of ${type.plural}`);
  return { ...list, items: (items as T[]).map((item) => Object.assign(item, { apiVersion, kind: type.kind })) };
}

const EVENT_TYPES = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']);

function isEvent(value: unknown): value is WatchEvent {
  if (!isRecord(value) || !EVENT_TYPES.has(String(value['type']))) return false;
  return value['type'] === 'ERROR' ? isRecord(value['object']) : isObject(value['object']);
}

function eventOf(line: string): WatchEvent {
  try {
    const event = JSON.parse(line) as unknown;
    if (isEvent(event)) return event;
  } catch {
    // Falls through: a line that is no event is reported below, whatever it is.
  }
  throw new TransportError('BadAnswer', `not a watch event: ${line.slice(0, 200)}`);
}

/** Watch events, one per line. What follows the last newline when the stream ends is a cut-off event and is dropped. */
export async function* watchEvents(text: AsyncIterable<string>): AsyncIterable<WatchEvent> {
  let rest = '';
  for await (const piece of text) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LONGEST_LINE) throw new TransportError('BadAnswer', 'a line of the watch does not end');
    for (const line of lines) if (line.trim() !== '') yield eventOf(line);
  }
}

/** The error that an ERROR event stands for. */
export function errorOfEvent(event: WatchEvent): ApiError {
  const status = event.object as KubeStatus;
  return new ApiError(status.code ?? 500, status);
}

type Json = <T>(call: Call) => Promise<T>;

const readsOf = (json: Json, transport: Transport): Pick<Client, 'get' | 'list' | 'watch' | 'raw'> => ({
  get: (ref, options = {}) =>
    json({
      verb: 'get',
      resource: resourceOf(ref.type, options.subresource),
      method: 'GET',
      path: objectPath(ref, options.subresource),
      ...(options.metadataOnly === true ? { accept: metadataAccept('PartialObjectMetadata') } : {}),
    }),
  list: async <T extends KubeObject>(type: ResourceType, options: ListOptions = {}) => complete(await json<KubeList<T>>(listCall(type, options)), type),
  watch: async (type, options) => watchEvents(await transport.stream(watchCall(type, options))),
  raw: (path) => json({ verb: 'get', resource: 'discovery', method: 'GET', path }),
});

const writesOf = (json: Json): Pick<Client, 'create' | 'replace' | 'patch' | 'delete'> => ({
  create: (type, object, options = {}) =>
    json({
      verb: 'create',
      resource: type.plural,
      method: 'POST',
      path: collectionPath(type, object.metadata.namespace),
      query: { fieldManager: options.fieldManager, ...(options.dryRun === true ? DRY_RUN : {}) },
      body: object,
    }),
  replace: (type, object, options = {}) =>
    json({
      verb: 'update',
      resource: resourceOf(type, options.subresource),
      method: 'PUT',
      path: objectPath(refOf(type, object), options.subresource),
      body: object,
    }),
  patch: (ref, patch, options) =>
    json({
      verb: 'patch',
      resource: resourceOf(ref.type, options.subresource),
      method: 'PATCH',
      path: objectPath(ref, options.subresource),
      query: { fieldManager: options.fieldManager },
      body: patch,
      contentType: PATCH_TYPES[options.type],
    }),
  delete: async (ref, options = {}) => void (await json(deleteCall(ref, options))),
});

/** A client over one transport. It owns the transport: `close` closes it. */
export function createClient(transport: Transport): Client {
  const json: Json = async <T>(call: Call) => (await transport.json(call)) as T;
  const apply = <T extends KubeObject>(type: ResourceType, intent: T, options: ApplyOptions): Promise<T> => json(applyCall(type, intent, options));
  return {
    ...readsOf(json, transport),
    ...writesOf(json),
    apply,
    applyStatus: (type, intent, options) => apply(type, intent, { ...options, subresource: 'status' }),
    close: () => transport.close(),
  };
}
