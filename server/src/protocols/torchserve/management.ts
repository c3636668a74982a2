// Owns TorchServe's management calls on the admin port, as far as they do not clash with the server's own: describe, register by query,
// unregister, default version. Workers are set by TF_WORKERS when a model is loaded, so scaling is refused. Must not import backends.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sendAnswer } from '../../http/answer.ts';
import { asInferenceError, InferenceError } from '../../inference/errors.ts';
import type { Entry, Registry } from '../../models/registry.ts';
import { sendError } from '../protocol.ts';
import { jsonAnswer, writeError } from './errors.ts';

export interface TorchServeManagement {
  registry: Registry;
  unload: (name: string, version: string) => Promise<unknown>;
  /** @throws InferenceError unless the caller may change models */
  allow: (request: FastifyRequest) => void;
}

type Named = { Params: { name: string; version?: string } };
type Handle = (request: FastifyRequest<Named>) => unknown;

export function addTorchServeManagement(app: FastifyInstance, management: TorchServeManagement): void {
  const open = (handle: Handle) => (request: FastifyRequest<Named>, reply: FastifyReply) => answer(request, reply, handle);
  const guarded = (handle: Handle) =>
    open((request) => {
      management.allow(request);
      return handle(request);
    });
  app.get<Named>('/models/:name', open((request) => describe(management.registry, request.params)));
  app.get<Named>('/models/:name/:version', open((request) => describe(management.registry, request.params)));
  app.put<Named>('/models/:name/:version/set-default', guarded((request) => setDefault(management.registry, request.params)));
  app.delete<Named>('/models/:name/:version', guarded((request) => unregister(management, request.params)));
  for (const url of ['/models/:name', '/models/:name/:version']) app.put<Named>(url, guarded(refuseScaling));
}

async function answer<R extends FastifyRequest>(request: R, reply: FastifyReply, handle: (request: R) => unknown): Promise<FastifyReply> {
  try {
    return await sendAnswer(reply, jsonAnswer(200, await handle(request)));
  } catch (thrown) {
    return sendError(request, reply, asInferenceError(thrown), writeError);
  }
}

/** One version, the default one, or with `all` every version. */
function describe(registry: Registry, { name, version }: Named['Params']): unknown {
  const entry = registry.select({ name, version: version === 'all' ? undefined : version, takes: 'tensors' });
  const entries = version === 'all' ? registry.entries().filter((other) => other.name === entry.name) : [entry];
  return entries.map((one) => descriptionOf(one));
}

const READY: Partial<Record<Entry['phase'], string>> = { Ready: 'READY', Unloading: 'UNLOADING' };

function descriptionOf({ name, version, model, phase, wake, loadedAt }: Entry): Record<string, unknown> {
  const workers = model?.runner.workers ?? 0;
  return {
    modelName: name,
    modelVersion: version,
    modelUrl: '',
    runtime: model?.spec.format ?? '',
    minWorkers: workers,
    maxWorkers: workers,
    batchSize: model?.limits.maxRows ?? 0,
    maxBatchDelay: model?.limits.maxDelayMs ?? 0,
    loadedAtStartup: wake === undefined,
    workers: Array.from({ length: workers }, (_, id) => ({ id: String(9000 + id), startTime: loadedAt?.toISOString() ?? '', status: READY[phase] ?? 'UNLOADED', gpu: false })),
  };
}

function setDefault(registry: Registry, { name, version }: Named['Params']): unknown {
  registry.setDefault(name, version);
  return { status: `Default version successfully updated for model "${name}" to "${version ?? ''}"` };
}

async function unregister({ registry, unload }: TorchServeManagement, { name, version = '' }: Named['Params']): Promise<unknown> {
  const entry = registry.select({ name, version, takes: 'tensors' });
  await unload(entry.name, entry.version);
  return { status: `Model "${entry.name}" unregistered` };
}

function refuseScaling(): never {
  throw new InferenceError('not_supported', 'The number of workers is TF_WORKERS, read when the server starts.');
}

export interface Registration {
  name: string;
  url: string;
  version: string;
  lazy: boolean;
}

/** Whether `POST /models` is TorchServe's: it says everything in its query. */
export const isRegistration = ({ query }: FastifyRequest): boolean => (query as Record<string, unknown>)['url'] !== undefined;

export function register(request: FastifyRequest, reply: FastifyReply, load: (job: Registration) => Promise<void>): Promise<FastifyReply> {
  return answer(request, reply, async ({ query }) => {
    const job = registrationOf(query as Record<string, string | undefined>);
    await load(job);
    return { status: `Model "${job.name}" Version: ${job.version} registered` };
  });
}

/** @throws InferenceError */
function registrationOf({ url = '', model_name: given, version = '1.0', initial_workers: workers }: Record<string, string | undefined>): Registration {
  const name = given ?? /([^/]+?)(?:\.\w+)?\/?$/.exec(url)?.[1] ?? '';
  if (name === '') throw new InferenceError('malformed_request', 'Parameter model_name is required.');
  return { name, url, version, lazy: workers === '0' };
}
