// Owns which objects exist for an InferenceService and in which order they are applied. Must not build or decide any.
// Pins before the pods that read them; pods before routes; the Service only once a router listens for it.
import { previewServiceName, routeConfigMapName, serviceMonitorName, serviceName } from '@slipway/api';
import { appliedDeploymentFor, appliedServiceFor, packageConfigMapFor, pdbFor, previewServiceFor, routeConfigMapFor, scrapedOf, serviceFor, serviceMonitorFor } from '../resources/index.ts';
import type { Scraped } from '../resources/index.ts';
import { wantsMonitor } from '../status/index.ts';
import type { Intent, KubeObject, Observed, RevisionFacts } from '../types.ts';
import { digestToPin } from './revisions.ts';
import type { RoutePlan } from './routes.ts';

export interface Decisions {
  observed: Observed;
  revisions: readonly RevisionFacts[];
  /** Pods by revision. */
  scale: Record<string, number>;
  route: RoutePlan | undefined;
  roleOf: (revision: string) => string;
  versionOf: (revision: string) => string;
}

/** Full intent of everything, in the order in which it is applied. */
export function objectsFor(decisions: Decisions): Intent[] {
  const { revisions } = decisions;
  return [...revisions.flatMap((each) => pinFor(decisions, each)), ...revisions.flatMap((each) => podsFor(decisions, each)), ...routeFor(decisions), ...servicesFor(decisions), ...aroundFor(decisions)];
}

function pinFor({ observed }: Decisions, revision: RevisionFacts): Intent[] {
  const digest = revision.pinnedDigest ?? digestToPin(revision);
  return digest === undefined ? [] : [{ object: packageConfigMapFor(observed.isvc, revision.name, digest) }];
}

/** Nothing is made for a revision that has no pods and shall have none. */
function podsFor({ observed, scale, roleOf, versionOf }: Decisions, revision: RevisionFacts): Intent[] {
  const { name, record, deployment } = revision;
  const replicas = scale[name] ?? 0;
  if (isIdleRevision(revision, replicas, roleOf(name))) return [];
  const shrinks = deployment !== undefined && replicas < deployment.replicas;
  return [
    { object: appliedServiceFor(observed.isvc, record, { role: roleOf(name), modelVersion: versionOf(name) }) },
    { object: appliedDeploymentFor(observed.isvc, record, replicas), ...(shrinks ? { resourceVersion: deployment.resourceVersion } : {}) },
  ];
}

const SERVING_ROLES = ['stable', 'canary', 'preview', 'previous'];

/** Has no part to play and no pod left: its Deployment and Service go, its record stays for undo. */
export function isIdleRevision({ deployment, pods }: RevisionFacts, replicas: number, role: string): boolean {
  return !SERVING_ROLES.includes(role) && replicas === 0 && (deployment === undefined || (deployment.replicas === 0 && pods.length === 0));
}

function routeFor({ observed, route }: Decisions): Intent[] {
  if (route === undefined) return [];
  const object = routeConfigMapFor(observed.isvc, route.entry);
  const present = observed.children[`ConfigMap/${routeConfigMapName(observed.isvc.metadata.name)}`]?.metadata.resourceVersion;
  return [{ object, ...(present === undefined ? {} : { resourceVersion: present }) }];
}

/** A Service that callers know leads to a port only once every ready router listens there; it is never taken back for that. */
function servicesFor({ observed, route }: Decisions): Intent[] {
  if (route === undefined) return [];
  const { isvc, children } = observed;
  const listening = route.status.acknowledged === route.status.sequence;
  const may = (name: string): boolean => listening || children[`Service/${name}`] !== undefined;
  const preview = route.entry.preview !== undefined && may(previewServiceName(isvc.metadata.name));
  return [
    ...(may(serviceName(isvc.metadata.name)) ? [{ object: serviceFor(isvc, route.entry.ports) }] : []),
    ...(preview ? [{ object: previewServiceFor(isvc, route.entry.ports) }] : []),
  ];
}

function aroundFor(decisions: Decisions): Intent[] {
  const { observed } = decisions;
  const { isvc } = observed;
  return [{ object: pdbFor(isvc) }, ...(wantsMonitor(observed) ? [{ object: serviceMonitorFor(isvc, isvc.spec.monitoring.serviceMonitor, scraped(decisions)) }] : [])];
}

/** Metrics of the spec's server and of those that still run: a release may bring another one. */
function scraped({ observed, revisions, scale, roleOf }: Decisions): Scraped[] {
  const running = revisions.filter((each) => !isIdleRevision(each, scale[each.name] ?? 0, roleOf(each.name)));
  const all = [observed.isvc.spec, ...running.map(({ record }) => record.spec)].flatMap((spec) => scrapedOf(spec) ?? []);
  return [...new Map(all.map((each) => [`${each.port} ${each.path}`, each])).values()];
}

/** Children of ours that have no place in this plan any more. */
export function surplusChildren({ observed, route }: Decisions): KubeObject[] {
  const { isvc, children } = observed;
  const name = isvc.metadata.name;
  const unwanted = [
    ...(route !== undefined && route.entry.preview === undefined ? [`Service/${previewServiceName(name)}`] : []),
    ...(wantsMonitor(observed) || !observed.apis.serviceMonitor ? [] : [`ServiceMonitor/${serviceMonitorName(name)}`]),
  ];
  return unwanted.flatMap((key) => children[key] ?? []);
}

