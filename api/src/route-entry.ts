// Owns the schema of what the operator gives the routers (one entry per InferenceService) and what a router reports back.
// Must not know how either side works. Readers accept one schema version back and forth: unknown keys are ignored.
import { z } from 'zod';

export const ROUTE_SCHEMA = 1;

const port = z.number().int().min(1).max(65_535);

export const RouteBackend = z.object({
  /** Revision name, which is also the name of its headless Service. */
  revision: z.string().min(1),
  role: z.enum(['stable', 'canary', 'preview', 'previous']),
  /** Share of the public traffic in percent; the weights of an entry sum to 100, or are all 0 (nothing ready yet). */
  weight: z.number().int().min(0).max(100),
  modelVersion: z.string(),
  /** Port of its pods, where that is not the entry's targetPort: a release may bring another server. */
  port: port.optional(),
  /** Port of its pods for gRPC, where that is another one. */
  grpcPort: port.optional(),
});
export type RouteBackend = z.infer<typeof RouteBackend>;

export const Cors = z.object({
  allowOrigins: z.array(z.string()),
  allowMethods: z.array(z.string()).optional(),
  allowHeaders: z.array(z.string()).optional(),
  exposeHeaders: z.array(z.string()).optional(),
  allowCredentials: z.boolean().optional(),
  maxAgeSeconds: z.number().int().min(0).optional(),
});
export type Cors = z.infer<typeof Cors>;

export const RouteEntry = z.object({
  schema: z.number().int().min(0).max(ROUTE_SCHEMA + 1),
  uid: z.string().min(1),
  /** Rises with every change; a router refuses a lower one of the same uid. */
  sequence: z.number().int().min(1),
  namespace: z.string().min(1),
  name: z.string().min(1),
  ports: z.object({ public: port, preview: port }),
  /** Port of the serving pods, unless their backend says otherwise. */
  targetPort: port,
  backends: z.array(RouteBackend).max(16),
  /** Revision that answers on the preview port, if any. */
  preview: z.string().optional(),
  timeoutSeconds: z.number().positive(),
  retry: z.enum(['Auto', 'Never']),
  cors: Cors.optional(),
});
export type RouteEntry = z.infer<typeof RouteEntry>;

/** Answer of a router's admin port to `GET /routes`. */
export const RouterReport = z.object({
  pod: z.string(),
  entries: z.array(
    z.object({
      uid: z.string(),
      name: z.string(),
      sequence: z.number().int(),
      listening: z.boolean(),
      /** Why the newest text of this entry was refused, if it was; the entry above keeps serving. */
      refused: z.string().optional(),
      /** Ready addresses the router knows, by revision. */
      endpoints: z.record(z.string(), z.number().int()),
    }),
  ),
});
export type RouterReport = z.infer<typeof RouterReport>;
