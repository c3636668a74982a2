// Owns `plan`: reads the live snapshot and a file, asks the API server without changing anything, and lets the operator's own planner tell
// what would happen. Must not write: everything that is sent beside reads is a dry run.
import { ANNOTATIONS, API_VERSION, KIND, LABELS } from '@slipway/api';
import type { InferenceService } from '@slipway/api';
import { ApiError, CONFIG_MAPS, CONTROLLER_REVISIONS, DEPLOYMENTS, PODS, POD_DISRUPTION_BUDGETS, SERVICES as CORE_SERVICES, isNotFound } from '@slipway/kube';
import type { KubeObject, ResourceType } from '@slipway/kube';
import { loadAll } from 'js-yaml';
import { planFor } from '../../../operator/src/plan/index.ts';
import type { PlanConfig } from '../../../operator/src/plan/index.ts';
import { CliError, EXIT } from '../errors.ts';
import type { Format } from '../print/output.ts';
import type { Session } from '../session.ts';
import { podTemplateOf } from '../view/plan/capacity.ts';
import { changesOf, withoutDropped } from '../view/plan/diff.ts';
import { imagesOf, observedOf, parsedService } from '../view/plan/facts.ts';
import type { Surroundings } from '../view/plan/facts.ts';
import { foresee, podsOf } from '../view/plan/foresee.ts';
import type { Foresight } from '../view/plan/foresee.ts';
import { planView, reportOf } from '../view/plan/report.ts';
import type { Check, PlanReport } from '../view/plan/report.ts';
import { SERVICES, ifAllowed, ofService } from './read.ts';

const FIELD_MANAGER = 'kubectl';
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
const SERVICE_MONITORS: ResourceType = { group: 'monitoring.coreos.com', version: 'v1', kind: 'ServiceMonitor', plural: 'servicemonitors', namespaced: true };
const RESOURCE_QUOTAS: ResourceType = { group: '', version: 'v1', kind: 'ResourceQuota', plural: 'resourcequotas', namespaced: true };
/** Stands for the operator's image where no revision tells it: names are the same, whatever the image. */
const UNKNOWN_IMAGE = 'slipway/unknown:latest';
const EXIT_CODES: Readonly<Record<PlanReport['verdict'], number>> = { unchanged: EXIT.ok, fine: EXIT.ok, held: EXIT.paused, refused: EXIT.failed };

/** Tells what applying the file would do; resolves with the exit code. */
export async function plan(session: Session, { filename, output: format }: { filename: string; output?: Format }): Promise<number> {
  const file = manifestIn(await session.read(filename), session.namespace);
  const report = await planned({ ...session, namespace: file.metadata.namespace ?? session.namespace }, file);
  if (format === undefined) session.output.lines(planView(report, session.output.width));
  else session.output.object(report, format);
  return EXIT_CODES[report.verdict];
}

/** The one InferenceService in a file of YAML or JSON. */
function manifestIn(text: string, namespace: string): KubeObject {
  let documents: unknown[];
  try {
    documents = loadAll(text);
  } catch (error) {
    throw new CliError(`the file is neither YAML nor JSON: ${(error as Error).message}`, EXIT.failed, { cause: error });
  }
  const found = (documents as (Partial<KubeObject> | null)[]).filter((each): each is KubeObject => each?.kind === KIND && each.apiVersion === API_VERSION && each.metadata?.name !== undefined);
  const [manifest] = found;
  if (manifest === undefined || found.length > 1) throw new CliError(`the file holds ${found.length} InferenceServices (${API_VERSION}) with a name; plan takes one`);
  return { ...manifest, metadata: { ...manifest.metadata, namespace: manifest.metadata.namespace ?? namespace } };
}

async function planned(session: Session, file: KubeObject): Promise<PlanReport> {
  const remarks: string[] = [];
  const live = await liveOf(session, file.metadata.name);
  const { check, result } = await admitted(session, file, live);
  const base = { name: file.metadata.name, namespace: session.namespace, exists: live !== undefined, remarks };
  const isvc = result === undefined ? undefined : parsedService(result);
  if (isvc === undefined || 'invalid' in isvc) {
    const checks = isvc === undefined ? [check] : [check, { what: 'the spec', accepted: false, message: isvc.invalid }];
    return reportOf({ ...base, changes: [], foresight: undefined, pods: {}, present: new Set(), wanted: new Map(), quotas: [], checks });
  }
  const around = await surroundings(session, base.name, remarks);
  const quotas = await ifAllowed(listed(session, RESOURCE_QUOTAS), 'resourcequotas', remarks);
  const { foresight, ...now } = forecast({ session, live, isvc, around, remarks });
  const checks = [check, ...(await namesFree(session, foresight, now.present)), ...(await podsAdmitted(session, foresight, remarks))];
  return reportOf({ ...base, changes: changesIn(live, isvc), foresight, ...now, quotas, checks });
}

async function liveOf({ client, namespace }: Session, name: string): Promise<KubeObject | undefined> {
  try {
    return await client.get({ type: SERVICES, namespace, name });
  } catch (error) {
    if (isNotFound(error) && error.reason === 'NotFound' && !error.message.includes('requested resource')) return undefined;
    throw error;
  }
}

interface Admission { check: Check; result?: KubeObject }

/** Lets the API server default, validate and admit the file; nothing is stored. */
async function admitted(session: Session, file: KubeObject, live: KubeObject | undefined): Promise<Admission> {
  const what = `InferenceService ${file.metadata.name}`;
  const result = await dryRun(session, SERVICES, file);
  if ('refused' in result) return { check: { what, accepted: false, message: result.refused } };
  const last = lastAppliedTo(live);
  const spec = withoutDropped(result.object['spec'], last['spec'], file['spec']);
  const { status, metadata } = live ?? result.object;
  return { check: { what, accepted: true }, result: { ...result.object, metadata: { ...metadata, annotations: annotationsOf(live), generation: (metadata.generation ?? 0) + 1 }, spec, status } };
}

/** Commands that were given long ago must not be taken for new ones, so that they stay; everything else of the metadata plays no part. */
const annotationsOf = (live: KubeObject | undefined): Record<string, string> =>
  Object.fromEntries(Object.entries(live?.metadata.annotations ?? {}).filter(([key]) => (Object.values(ANNOTATIONS) as string[]).includes(key)));

function lastAppliedTo(live: KubeObject | undefined): Record<string, unknown> {
  try {
    return JSON.parse(live?.metadata.annotations?.[LAST_APPLIED] ?? '{}') as Record<string, unknown>;
  } catch {
    return {};
  }
}

type Answer = { object: KubeObject } | { refused: string };

/** RBAC says so in these words; admission has others. */
const NO_RIGHT = /cannot (create|patch|update) resource/;

async function dryRun({ client, namespace }: Session, type: ResourceType, object: KubeObject): Promise<Answer> {
  const intent = { ...object, metadata: { ...object.metadata, namespace } };
  try {
    return { object: await client.apply(type, intent, { fieldManager: FIELD_MANAGER, force: true, dryRun: true }) };
  } catch (error) {
    if (!(error instanceof ApiError) || ![400, 403, 409, 422].includes(error.status) || NO_RIGHT.test(error.message)) throw error;
    return { refused: error.message };
  }
}

const listed = async ({ client, namespace }: Session, type: ResourceType, labelSelector?: string): Promise<KubeObject[]> => {
  const { items } = await client.list(type, { namespace, labelSelector });
  return items.map((each) => ({ ...each, apiVersion: each.apiVersion ?? '', kind: each.kind ?? type.kind }));
};

async function surroundings(session: Session, name: string, remarks: string[]): Promise<Surroundings> {
  const labels = ofService(name);
  const read = (type: ResourceType): Promise<KubeObject[]> => ifAllowed(listed(session, type, labels), type.plural, remarks);
  const [revisions, deployments, ...children] = await Promise.all([ifAllowed(listed(session, CONTROLLER_REVISIONS, LABELS.inferenceService), 'controllerrevisions', remarks), read(DEPLOYMENTS), read(CORE_SERVICES), read(CONFIG_MAPS), read(POD_DISRUPTION_BUDGETS)]);
  const monitors = await listed(session, SERVICE_MONITORS, labels).catch(() => undefined);
  return { revisions, deployments, children: [...children.flat(), ...(monitors ?? [])], monitors: monitors !== undefined };
}

interface Question { session: Session; live: KubeObject | undefined; isvc: InferenceService; around: Surroundings; remarks: string[] }

function forecast({ session, live, isvc, around, remarks }: Question): { foresight: Foresight; pods: Record<string, number>; present: Set<string>; wanted: Map<string, KubeObject> } {
  const images = imagesOf(around.revisions);
  if (images === undefined && isvc.spec.runtime === undefined) remarks.push("no revision in this namespace tells the operator's image, so the pods are asked about with a stand-in for it");
  const config: PlanConfig = { images: images ?? { server: UNKNOWN_IMAGE, router: UNKNOWN_IMAGE }, clusterDomain: 'cluster.local' };
  const at = session.clock.now();
  const observed = observedOf(isvc, around, at);
  const before = live === undefined ? undefined : parsedService(live);
  const wanted = before === undefined || 'invalid' in before ? [] : planFor(observedOf(before, around, at), config).objects.map(({ object }) => object);
  const owned = [...around.revisions, ...around.deployments, ...around.children].filter((each) => each.metadata.ownerReferences?.some(({ uid }) => uid === isvc.metadata.uid));
  const key = ({ kind, metadata }: KubeObject): string => `${kind}/${metadata.name}`;
  return { foresight: foresee(observed, config), pods: podsOf(observed), present: new Set(owned.map(key)), wanted: new Map(wanted.map((each) => [key(each), each])) };
}

function changesIn(live: KubeObject | undefined, isvc: InferenceService): PlanReport['changes'] {
  const before = live === undefined ? undefined : parsedService(live);
  return changesOf(before === undefined || 'invalid' in before ? {} : before.spec, isvc.spec);
}

const NAMED: readonly ResourceType[] = [DEPLOYMENTS, CORE_SERVICES, CONFIG_MAPS, POD_DISRUPTION_BUDGETS];

/** Objects of those names that belong to somebody else stay untouched, and the service would be blocked. */
async function namesFree({ client, namespace }: Session, { applied }: Foresight, present: ReadonlySet<string>): Promise<Check[]> {
  const fresh = [...applied].filter(([key]) => !present.has(key)).flatMap(([key, { kind, metadata }]) => NAMED.filter((type) => type.kind === kind).map((type) => ({ key, type, name: metadata.name })));
  const taken = await Promise.all(fresh.map(async ({ key, type, name }) => ((await exists(client.get({ type, namespace, name }, { metadataOnly: true }))) ? [key] : [])));
  return taken.flat().map((key) => ({ what: key, accepted: false, message: `an object of that name belongs to somebody else; rename the InferenceService or remove the object` }));
}

const exists = (read: Promise<unknown>): Promise<boolean> => read.then(() => true, () => false);

/** The Deployment and one pod of a revision that would be new: quota, LimitRange, Pod Security and ServiceAccount have their say. */
async function podsAdmitted(session: Session, { created, records }: Foresight, remarks: string[]): Promise<Check[]> {
  const record = created === undefined ? undefined : records[created];
  if (created === undefined || record === undefined) return [];
  const template = podTemplateOf(record);
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { ...template.metadata, name: `${created}-plan` }, spec: template.spec } as unknown as KubeObject;
  const { ownerReferences: _, ...metadata } = record.deployment.metadata;
  const asked: [ResourceType, KubeObject, string][] = [[DEPLOYMENTS, { ...record.deployment, metadata, spec: { replicas: 1, ...(record.deployment['spec'] as object) } }, `Deployment ${created}`], [PODS, pod, `a pod of ${created}`]];
  const gaps: string[] = [];
  const answers = asked.map(([type, object, what]) => ifAllowed(dryRun(session, type, object).then((answer): Check[] => [{ what, accepted: 'object' in answer, ...('refused' in answer ? { message: answer.refused } : {}) }]), '', gaps));
  const checks = (await Promise.all(answers)).flat();
  if (gaps.length > 0) remarks.push('you may not create pods here, so the API server was not asked about them');
  return checks;
}
