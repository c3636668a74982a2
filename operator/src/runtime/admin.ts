// Owns the operator's admin port: liveness, readiness, metrics. Must not know what makes the operator ready.
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { OperatorMetrics } from './metrics.ts';

export interface AdminOptions {
  port: number;
  /** Address to listen on; default: all. */
  host?: string;
  metrics: OperatorMetrics;
  /** What is still missing before this replica could lead; undefined when nothing is. */
  missing: () => string | undefined;
}

export interface AdminServer {
  readonly port: number;
  close(): Promise<void>;
}

function send(response: ServerResponse, status: number, text: string, contentType = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(text) }).end(text);
}

async function answer(path: string, response: ServerResponse, options: AdminOptions): Promise<void> {
  switch (path) {
    case '/healthz':
      return send(response, 200, 'ok\n');
    case '/readyz': {
      const missing = options.missing();
      return send(response, missing === undefined ? 200 : 503, `${missing ?? 'ok'}\n`);
    }
    case '/metrics': {
      const { text, contentType } = await options.metrics.expose();
      return send(response, 200, text, contentType);
    }
    default:
      return send(response, 404, 'not found; there are /healthz, /readyz and /metrics\n');
  }
}

/** Listens and resolves with the server; port 0 picks a free one. Rejects if the port is taken. */
export async function startAdmin(options: AdminOptions): Promise<AdminServer> {
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    answer(path, response, options).catch((error: unknown) => send(response, 500, `${String(error)}\n`));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
