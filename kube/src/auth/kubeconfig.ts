// Owns the identity of a person: a kubeconfig with certificates, tokens or exec plug-ins, read by the official client.
// That client is heavy, so it is imported only here and only when a kubeconfig is really used, never inside a cluster.
import type { KubeConfig } from '@kubernetes/client-node';
import type { Clock } from '../clock.ts';
import { TransportError } from '../errors.ts';
import type { Connection, TlsOptions } from './connection.ts';

/** Milliseconds for which headers from an exec plug-in are used before it is asked again (it keeps its own, longer cache). */
const HEADERS_LIVE_MS = 30_000;

interface HttpsOptions extends TlsOptions {
  headers?: Record<string, string>;
  auth?: string;
}

async function optionsOf(config: KubeConfig): Promise<HttpsOptions> {
  const options: HttpsOptions = { headers: {} };
  try {
    await config.applyToHTTPSOptions(options as Parameters<KubeConfig['applyToHTTPSOptions']>[0]);
  } catch (error) {
    const user = config.getCurrentUser()?.name ?? '';
    throw new TransportError('Credentials', `kubeconfig user ${user} gives no credentials: ${(error as Error).message}`, { cause: error });
  }
  return options;
}

function headersOf(options: HttpsOptions): Record<string, string> {
  const basic = options.auth === undefined ? {} : { authorization: `Basic ${Buffer.from(options.auth).toString('base64')}` };
  return { ...basic, ...options.headers };
}

async function load(path: string | undefined, context: string | undefined): Promise<KubeConfig> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  if (path === undefined) config.loadFromDefault();
  else config.loadFromFile(path);
  if (context !== undefined) config.setCurrentContext(context);
  return config;
}

/**
 * The connection of a kubeconfig: the given file and context, else what kubectl would use.
 * Throws TransportError if there is no such context or it yields no credentials.
 */
export async function kubeconfigConnection(options: { path?: string | undefined; context?: string | undefined; clock: Clock }): Promise<Connection> {
  const { clock } = options;
  const config = await load(options.path, options.context);
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new TransportError('Credentials', `the kubeconfig has no context ${JSON.stringify(config.getCurrentContext())}`);
  const first = await optionsOf(config);
  let headers = headersOf(first);
  let readAt = clock.monotonic();
  return {
    server: cluster.server,
    tls: { ca: first.ca, cert: first.cert, key: first.key, servername: first.servername, rejectUnauthorized: first.rejectUnauthorized },
    headers: async (fresh) => {
      if (fresh || clock.monotonic() - readAt >= HEADERS_LIVE_MS) {
        headers = headersOf(await optionsOf(config));
        readAt = clock.monotonic();
      }
      return headers;
    },
    namespace: config.getContextObject(config.getCurrentContext())?.namespace ?? 'default',
  };
}
