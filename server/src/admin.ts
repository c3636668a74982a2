// Builds the admin application: Prometheus metrics, /state, and management of models. Never routed to; management is off
// behind an InferenceService, and alone it asks for ADMIN_TOKEN unless the port is on loopback only.
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ServerConfig } from './config.ts';
import { addErrorHandling, errorOptions } from './http/errors.ts';
import { allowManagement, type ManagementPolicy } from './http/management.ts';
import { InferenceError } from './inference/errors.ts';
import { LoadError } from './backends/backend.ts';
import type { ModelManager } from './models/model-manager.ts';
import { addTorchServeManagement, isRegistration, register, type Registration } from './protocols/torchserve/management.ts';
import type { MetricsCollector } from './metrics/metrics-collector.ts';
import type { ServerState } from '@slipway/api';

export interface AdminOptions {
  config: Pick<ServerConfig, 'BEHIND_ROUTER' | 'ADMIN_TOKEN' | 'adminHost' | 'MAX_BODY_BYTES'>;
  manager: ModelManager;
  metrics: MetricsCollector;
  state(): ServerState;
}

const LoadBody = z.strictObject({ name: z.string().min(1), url: z.string().min(1), version: z.coerce.string().min(1), lazy: z.boolean().optional() });
const DefaultBody = z.strictObject({ version: z.coerce.string().min(1).nullable() });
type Named = { Params: { name: string; version?: string } };

export function buildAdmin(options: AdminOptions): FastifyInstance {
  const { config, manager, metrics } = options;
  const errors = { maxBodyBytes: config.MAX_BODY_BYTES };
  const app = Fastify({ logger: false, bodyLimit: config.MAX_BODY_BYTES, ...errorOptions(errors) });
  addErrorHandling(app, errors);
  app.get('/metrics', async (_request, reply) => {
    const { contentType, text } = await metrics.prometheus();
    return reply.type(contentType).send(text);
  });
  app.get('/state', () => options.state());
  app.get('/healthz', () => ({ status: 'healthy' }));
  app.get('/models', () => ({ models: manager.metadata() }));
  const policy = { behindRouter: config.BEHIND_ROUTER, token: config.ADMIN_TOKEN, host: config.adminHost };
  const onRequest = (request: FastifyRequest, _reply: unknown, done: () => void): void => {
    allowManagement(policy, request.headers.authorization);
    done();
  };
  const guarded = { onRequest };
  app.post('/models', guarded, async (request, reply) => {
    if (isRegistration(request)) return register(request, reply, (job) => load(manager, job));
    const { name, url, version, lazy = false } = parse(LoadBody, request.body);
    await load(manager, { name, url, version, lazy });
    return reply.code(201).send({ models: manager.metadata().filter((model) => model.name === name && model.version === version) });
  });
  const unload = async (request: FastifyRequest<Named>): Promise<unknown> => {
    await manager.unload(request.params.name, request.params.version);
    return { models: manager.metadata() };
  };
  app.delete<Named>('/models/:name', guarded, unload);
  app.delete<Named>('/models/:name/versions/:version', guarded, unload);
  app.put<Named>('/models/:name/default', guarded, (request) => {
    manager.registry.setDefault(request.params.name, parse(DefaultBody, request.body).version ?? undefined);
    return { name: request.params.name, defaultVersion: manager.registry.defaultVersion(request.params.name) };
  });
  addTorchServe(app, manager, policy);
  return app;
}

function addTorchServe(app: FastifyInstance, manager: ModelManager, policy: ManagementPolicy): void {
  addTorchServeManagement(app, {
    registry: manager.registry,
    unload: (name, version) => manager.unload(name, version),
    allow: (request) => {
      allowManagement(policy, request.headers.authorization);
    },
  });
}

/** A load that fails is the caller's to mend: the words of the loader, not a failure of the server. */
async function load(manager: ModelManager, job: Registration): Promise<void> {
  try {
    await manager.loadModel(job.name, job.url, job.version, { lazy: job.lazy });
  } catch (error) {
    if (!(error instanceof LoadError)) throw error;
    throw new InferenceError('malformed_request', `${error.reason}: ${error.message}`, { cause: error, errors: [{ path: 'url', expected: 'a model that loads', got: error.reason }] });
  }
}

function parse<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.map((issue) => ({ path: issue.path.join('.') || 'body', expected: issue.message, got: 'something else' }));
  throw new InferenceError('malformed_request', errors.map((issue) => `${issue.path}: ${issue.expected}`).join('; '), { errors });
}
