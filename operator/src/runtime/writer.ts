// Owns the rules of writing: only the leader writes; children are created without force; only what is ours is applied over, and only the
// incarnation that was looked at; an intent that is in place already is not sent again. Must not decide what is written.
import { isAlreadyExists, isConflict, isNotFound } from '@slipway/kube';
import type { Client, KubeObject, ObjectRef, ResourceType } from '@slipway/kube';
import { FIELD_MANAGER } from '@slipway/api';
import { hashOf, isAsApplied, marked } from './in-place.ts';
import { typeOf } from './managed-types.ts';
import type { OwnWrites } from './own-writes.ts';

/** This replica does not lead (any more): whatever was decided is void. */
export class NotLeaderError extends Error {
  override name = 'NotLeaderError';
}

/** An object of that name exists and is not ours: it stays untouched. */
export class NameTakenError extends Error {
  override name = 'NameTakenError';
}

/** The API server refuses the pods of a new revision: it is not made, and no status names it. */
export class RevisionRefusedError extends Error {
  override name = 'RevisionRefusedError';
}

/** One object of full intent. */
export interface WriteIntent {
  object: KubeObject;
  /** The version the decision was made from; another one is a conflict. */
  resourceVersion?: string | undefined;
}

/** On whose behalf something is written. */
export interface Scope {
  /** Key of the pass. */
  key: string;
  /** True for objects that belong to it. */
  owns: (object: KubeObject) => boolean;
}

export interface WriterOptions {
  client: Client;
  /** The cached object, if the cache has it. */
  cached: (type: ResourceType, namespace: string, name: string) => KubeObject | undefined;
  isLeader: () => boolean;
  ownWrites: OwnWrites;
}

/** All methods reject with NotLeaderError, ApiError or TransportError. */
export interface Writer {
  /** Puts an intent in place; rejects with NameTakenError if the name is somebody else's. Resolves to whether anything was sent. */
  apply(scope: Scope, intent: WriteIntent): Promise<boolean>;
  /** Creates an object that never changes afterwards; one that is there and ours is fine. */
  createOnce(scope: Scope, object: KubeObject): Promise<void>;
  /** Asks whether the API server would accept the object, changing nothing. Rejects with its refusal. */
  dryRun(object: KubeObject): Promise<void>;
  /** Applies the status that was decided from `resourceVersion`. */
  applyStatus(scope: Scope, intent: KubeObject): Promise<void>;
  /** Deletes that incarnation, if it is still there. */
  remove(ref: RemovalRef): Promise<void>;
  /** The object is gone from the cluster: nothing about it needs remembering. */
  forget(object: KubeObject): void;
}

export interface RemovalRef {
  apiVersion: string;
  kind: string;
  namespace: string;
  name: string;
  uid: string;
  resourceVersion?: string | undefined;
}

interface InPlace {
  intent: string;
  live: string;
}

/** Changes when anybody changes what we may have set. Kinds with a generation do not change it for status updates. */
function liveMark(object: KubeObject): string {
  const { uid, generation, resourceVersion, labels, ownerReferences } = object.metadata;
  return hashOf([uid, generation ?? resourceVersion, labels, ownerReferences]);
}

const refOf = (object: KubeObject): ObjectRef => ({ type: typeOf(object), namespace: object.metadata.namespace, name: object.metadata.name });
const nameOf = (ref: ObjectRef): string => `${ref.type.plural}/${ref.namespace ?? ''}/${ref.name}`;

class ApiWriter implements Writer {
  private readonly options: WriterOptions;
  private readonly inPlace = new Map<string, InPlace>();

  constructor(options: WriterOptions) {
    this.options = options;
  }

  async apply(scope: Scope, intent: WriteIntent): Promise<boolean> {
    const ref = refOf(intent.object);
    const cached = this.options.cached(ref.type, ref.namespace ?? '', ref.name);
    if (cached !== undefined && this.isInPlace(ref, intent.object, cached)) return false;
    const written = cached === undefined ? await this.applyNew(scope, ref, intent) : await this.applyOver(scope, ref, intent, cached);
    this.options.ownWrites.note(scope.key, written);
    this.inPlace.set(nameOf(ref), { intent: hashOf(intent.object), live: liveMark(written) });
    return true;
  }

  async createOnce(scope: Scope, object: KubeObject): Promise<void> {
    const ref = refOf(object);
    const cached = this.options.cached(ref.type, ref.namespace ?? '', ref.name);
    if (cached !== undefined) return assertOwned(scope, ref, cached);
    this.mayWrite();
    try {
      const written = await this.options.client.create(ref.type, object, { fieldManager: FIELD_MANAGER });
      this.options.ownWrites.note(scope.key, written);
    } catch (error) {
      const present = isAlreadyExists(error) ? await this.look(ref) : undefined;
      if (present === undefined) throw error;
      assertOwned(scope, ref, present);
    }
  }

  async dryRun(object: KubeObject): Promise<void> {
    await this.options.client.apply(typeOf(object), object, { fieldManager: FIELD_MANAGER, force: true, dryRun: true });
  }

  async applyStatus(scope: Scope, intent: KubeObject): Promise<void> {
    this.mayWrite();
    const written = await this.options.client.applyStatus(typeOf(intent), intent, { fieldManager: FIELD_MANAGER, force: true });
    this.options.ownWrites.note(scope.key, written);
  }

  async remove(ref: RemovalRef): Promise<void> {
    const type = typeOf(ref);
    this.mayWrite();
    this.inPlace.delete(nameOf({ type, namespace: ref.namespace, name: ref.name }));
    try {
      await this.options.client.delete({ type, namespace: ref.namespace, name: ref.name }, { uid: ref.uid, resourceVersion: ref.resourceVersion });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  forget(object: KubeObject): void {
    this.inPlace.delete(nameOf(refOf(object)));
  }

  /** The name is mostly free, so it is not asked about beforehand: the API server refuses if it is not, and only then somebody looks who has it. */
  private async applyNew(scope: Scope, ref: ObjectRef, intent: WriteIntent): Promise<KubeObject> {
    this.mayWrite();
    try {
      return await this.options.client.apply(ref.type, withPreconditions(intent, { resourceVersion: NO_VERSION }), { fieldManager: FIELD_MANAGER, force: false });
    } catch (error) {
      const present = isConflict(error) ? await this.look(ref) : undefined;
      if (present === undefined) throw error;
      return this.applyOver(scope, ref, intent, present);
    }
  }

  private applyOver(scope: Scope, ref: ObjectRef, intent: WriteIntent, present: KubeObject): Promise<KubeObject> {
    assertOwned(scope, ref, present);
    this.mayWrite();
    return this.options.client.apply(ref.type, withPreconditions(intent, { uid: present.metadata.uid }), { fieldManager: FIELD_MANAGER, force: true });
  }

  private mayWrite(): void {
    if (!this.options.isLeader()) throw new NotLeaderError('this replica does not lead');
  }

  private isInPlace(ref: ObjectRef, intent: KubeObject, cached: KubeObject): boolean {
    const known = this.inPlace.get(nameOf(ref));
    return (known !== undefined && known.live === liveMark(cached) && known.intent === hashOf(intent)) || isAsApplied(cached, intent);
  }

  /** The metadata of what the cache does not hold: nothing, something foreign, or ours without its label. */
  private async look(ref: ObjectRef): Promise<KubeObject | undefined> {
    try {
      return await this.options.client.get(ref, { metadataOnly: true });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}

function assertOwned(scope: Scope, { type, name }: ObjectRef, present: KubeObject): void {
  if (!scope.owns(present)) throw new NameTakenError(`${type.kind} ${name} exists and belongs to somebody else`);
}

/**
 * The version of no object: an apply that asks for it makes the object or, if there is one of that name, whoever's it is, changes nothing and is
 * answered 409. (etcd's first revision is 1 and holds nothing; an apply that makes an object does not look at the version.)
 */
const NO_VERSION = '1';

/** A uid makes sure that it is this incarnation that is applied over, and that none is made should it be gone by now. A version of the intent wins. */
function withPreconditions(intent: WriteIntent, { uid, resourceVersion }: { uid?: string | undefined; resourceVersion?: string }): KubeObject {
  const object = marked(intent.object);
  const version = intent.resourceVersion ?? resourceVersion;
  return { ...object, metadata: { ...object.metadata, ...(uid === undefined ? {} : { uid }), ...(version === undefined ? {} : { resourceVersion: version }) } };
}

/** A writer that remembers nothing yet: it sends what the objects themselves do not show to be in place. */
export const createWriter = (options: WriterOptions): Writer => new ApiWriter(options);

/** True for errors that mean "decided from something that is no longer so": look again, quietly. */
export const isStale = (error: unknown): boolean => isConflict(error);
