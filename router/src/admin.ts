// Owns the router's admin port: liveness, readiness, metrics, and the report that acknowledges a route. Never routed to callers.
// Must not know how any of them comes about.
import http from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RouterReport } from '@slipway/api';

export interface AdminOptions {
  port: number;
  host: string | undefined;
  /** What keeps the router from being ready, if anything. */
  missing: () => string | undefined;
  metrics: () => string;
  report: () => RouterReport;
}

export interface Admin {
  readonly port: number;
  close(): Promise<void>;
}

const TEXT = 'text/plain; charset=utf-8';
const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8';

type Answer = [status: number, type: string, body: string];

function answer(path: string, options: AdminOptions): Answer {
  switch (path) {
    case '/healthz':
      return [200, TEXT, 'ok\n'];
    case '/readyz': {
      const missing = options.missing();
      return [missing === undefined ? 200 : 503, TEXT, `${missing ?? 'ok'}\n`];
    }
    case '/metrics':
      return [200, PROMETHEUS, options.metrics()];
    case '/routes':
      return [200, 'application/json', JSON.stringify(options.report())];
    default:
      return [404, TEXT, 'not found; there are /healthz, /readyz, /metrics and /routes\n'];
  }
}

function handle(req: IncomingMessage, res: ServerResponse, options: AdminOptions): void {
  const path = (req.url ?? '/').split('?', 1)[0] ?? '/';
  const [status, type, body] = req.method === 'GET' || req.method === 'HEAD' ? answer(path, options) : ([405, TEXT, 'only GET\n'] satisfies Answer);
  res.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  res.end(req.method === 'HEAD' ? undefined : body);
}

/** Listens; rejects if the port cannot be opened. */
export async function startAdmin(options: AdminOptions): Promise<Admin> {
  const server = http.createServer((req, res) => handle(req, res, options));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: options.port, host: options.host }, resolve);
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
