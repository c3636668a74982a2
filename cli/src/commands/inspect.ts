// Owns the commands that look behind or through a service: explain, predict, version. Must not change anything.
import { ApiError, isForbidden, isNotFound } from '@slipway/kube';
import { API_VERSION, GROUP, VERSION, previewServiceName, serviceName } from '@slipway/api';
import { CliError } from '../errors.ts';
import type { Format } from '../print/output.ts';
import type { Session } from '../session.ts';
import { explainView } from '../view/explain.ts';
import { line } from '../view/text.ts';
import { ifAllowed, readService, readSnapshot, readWarnings } from './read.ts';

export async function explain(session: Session, name: string): Promise<void> {
  const snapshot = await readSnapshot(session, name);
  const gaps = [...snapshot.gaps];
  const warnings = await ifAllowed(readWarnings(session), 'events', gaps);
  session.output.lines(explainView({ ...snapshot, gaps }, warnings, session.output.width));
}

export interface PredictOptions { data: string; path: string; preview?: boolean; timeout: number }

/**
 * Sends one request to the public Service, as any caller would, through the API server's service proxy: nothing has to listen here, and
 * the role `edit` is enough.
 */
export async function predict(session: Session, name: string, { data, path, preview = false, timeout }: PredictOptions): Promise<void> {
  const { transport, namespace, output, signal } = session;
  const body = await jsonOf(session, data);
  const service = preview ? previewServiceName(name) : serviceName(name);
  const at = `/api/v1/namespaces/${namespace}/services/http:${service}:80/proxy/${path.replace(/^\/+/, '')}`;
  try {
    output.object(await transport.json({ verb: 'create', resource: 'services/proxy', method: 'POST', path: at, body, timeoutMs: timeout, signal }), 'json');
  } catch (error) {
    if (isNotFound(error) && error.reason === 'NotFound') await readService(session, name);
    // A request that the model refuses, or that the person may not send, is the caller's matter; everything else may be the service's.
    if (error instanceof ApiError && [400, 413, 415, 422].includes(error.status)) throw error;
    if (isForbidden(error) && error.reason === 'Forbidden') throw error;
    throw new CliError(`${(error as Error).message}\n\`kubectl isvc explain ${name}\` tells whether the service is at fault.`, undefined, { cause: error });
  }
}

async function jsonOf({ read }: Session, data: string): Promise<unknown> {
  const text = data.startsWith('@') ? await read(data.slice(1)) : data === '-' ? await read('-') : data;
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new CliError(`the data is not JSON: ${(error as Error).message}\nWrite for example -d '{"text": "good"}', or -d @request.json.`, undefined, { cause: error });
  }
}

/** Version of the plugin, of the API server, and whether the cluster serves the API that the plugin speaks. */
export async function version(session: Session, plugin: string, format: Format | undefined): Promise<void> {
  const { gitVersion } = (await session.client.raw('/version')) as { gitVersion?: string };
  const served = await session.client.raw(`/apis/${GROUP}/${VERSION}`).then(() => true, (error: unknown) => {
    if (isNotFound(error)) return false;
    throw error;
  });
  const told = { plugin, api: API_VERSION, served, kubernetes: gitVersion ?? '' };
  if (format !== undefined) return session.output.object(told, format);
  session.output.lines([line(`kubectl-isvc   ${plugin}`), line(`API            ${API_VERSION}${served ? '' : ' (not served by this cluster)'}`), line(`Kubernetes     ${told.kubernetes}`)]);
}
