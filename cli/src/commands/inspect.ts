// Owns the commands that look behind or through a service: explain, logs, predict, version. Must not change anything.
import { ApiError, isNotFound } from '@slipway/kube';
import { API_VERSION, GROUP, VERSION, previewServiceName, serviceName } from '@slipway/api';
import { CliError } from '../errors.ts';
import type { Format } from '../print/output.ts';
import type { Session } from '../session.ts';
import { explainView } from '../view/explain.ts';
import type { Pod } from '../view/objects.ts';
import { revisionOfPod } from '../view/revisions.ts';
import { line } from '../view/text.ts';
import { ifAllowed, readPods, readRevisions, readService, readSnapshot, readWarnings } from './read.ts';

export async function explain(session: Session, name: string): Promise<void> {
  const snapshot = await readSnapshot(session, name);
  const gaps = [...snapshot.gaps];
  const warnings = await ifAllowed(readWarnings(session), 'events', gaps);
  session.output.lines(explainView({ ...snapshot, gaps }, warnings, session.output.width));
}

export interface LogOptions { revision?: string; container: string; follow?: boolean; previous?: boolean; tail?: number }

/** Logs of the pods of one revision, or of all; each line with its pod when there are several. */
export async function logs(session: Session, name: string, options: LogOptions): Promise<void> {
  await readService(session, name);
  const pods = await podsOf(session, name, options.revision);
  const read = (pod: Pod): Promise<void> => logOf(session, pod, options, pods.length === 1 ? '' : `${pod.metadata.name} `);
  if (options.follow === true) await Promise.all(pods.map(read));
  else for (const pod of pods) await read(pod);
}

async function podsOf(session: Session, name: string, asked: string | undefined): Promise<Pod[]> {
  const pods = await readPods(session, name);
  const numbered = asked !== undefined && /^\d+$/.test(asked);
  const revision = numbered ? ((await nameOfRevision(session, name, Number(asked))) ?? asked) : asked;
  const found = pods.filter((pod) => revision === undefined || revisionOfPod(pod) === revision);
  if (found.length > 0) return found;
  throw new CliError(`${name} has no pods${asked === undefined ? '' : ` of revision ${asked}`}\n\`kubectl isvc explain ${name}\` tells why; \`kubectl isvc history ${name}\` lists the revisions.`);
}

const nameOfRevision = async (session: Session, name: string, number: number): Promise<string | undefined> =>
  (await readRevisions(session, name)).find((each) => each.revision === number)?.metadata.name;

/** A followed log may be silent for long. */
const SILENCE_MS = 24 * 3_600_000;

async function logOf({ transport, output, signal, namespace }: Session, { metadata }: Pod, options: LogOptions, prefix: string): Promise<void> {
  const { container, follow = false, previous = false, tail } = options;
  const path = `/api/v1/namespaces/${namespace}/pods/${metadata.name}/log`;
  const query = { container, follow: String(follow), previous: String(previous), tailLines: tail?.toString() };
  const stream = await transport.stream({ verb: 'get', resource: 'pods/log', method: 'GET', path, query, accept: '*/*', signal, ...(follow ? { timeoutMs: SILENCE_MS } : {}) });
  let rest = '';
  for await (const piece of stream) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    output.text(lines.map((each) => `${prefix}${each}\n`).join(''));
  }
  if (rest !== '') output.text(`${prefix}${rest}\n`);
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
    // A request that the model refuses is the caller's matter; everything else may be the service's.
    if (error instanceof ApiError && [400, 413, 415, 422].includes(error.status)) throw error;
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
