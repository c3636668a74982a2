// Owns the route entry: who is in it, its sequence, and what the routers acknowledged. Must not decide shares.
// Any change raises the sequence; the number never falls, even if the status or the ConfigMap was lost.
import { durationMs, PORTS, ROUTE_KEY, ROUTE_SCHEMA, RouteBackend, RouteEntry, routeConfigMapName } from '@slipway/api';
import type { Cors, InferenceServiceSpec, InferenceServiceStatus } from '@slipway/api';
import type { Advanced, Rollout, Split } from '../rollout/index.ts';
import { isActive } from '../rollout/index.ts';
import type { Observed } from '../types.ts';
import { sha256Of, stableJson } from './revision-spec.ts';

export type RouteStatus = NonNullable<InferenceServiceStatus['route']>;
type Traffic = NonNullable<InferenceServiceStatus['traffic']>;

/** What the routers serve, as far as they acknowledged it. */
export interface Acknowledged {
  /** The newest entry written before this pass, with what is acknowledged of it by now. */
  route?: RouteStatus;
  traffic: Traffic;
  /** Nothing waits for acknowledgement. */
  settled: boolean;
}

/** Reads the acknowledgement: every Ready router pod serves the newest sequence. Silence is never taken for yes. */
export function acknowledgedBy(observed: Observed): Acknowledged {
  const { status } = observed.isvc;
  const route = newestKnown(observed);
  const traffic = status?.traffic ?? [];
  if (route === undefined) return { traffic, settled: true };
  if (route.acknowledged === route.sequence) return { route, traffic, settled: true };
  if (!allServe(observed, route.sequence)) return { route, traffic, settled: false };
  const acknowledged: Traffic = (route.weights ?? []).map((each) => ({ ...each, modelVersion: versionTold(observed, each.revision) }));
  return { route: { ...route, acknowledged: route.sequence }, traffic: acknowledged, settled: true };
}

const versionTold = ({ isvc }: Observed, revision: string): string => isvc.status?.revisions?.find((each) => each.name === revision)?.modelVersion ?? '';

function allServe({ routers, isvc }: Observed, sequence: number): boolean {
  const ready = routers.pods.filter((pod) => pod.ready);
  return (
    ready.length > 0 &&
    ready.length >= routers.ready &&
    ready.every((pod) => pod.report?.entries.some((entry) => entry.uid === isvc.metadata.uid && entry.sequence >= sequence && entry.listening) ?? false)
  );
}

/** The status tells the newest entry; the ConfigMap itself does where the status was lost or is older. */
function newestKnown(observed: Observed): RouteStatus | undefined {
  const told = observed.isvc.status?.route;
  const written = writtenEntry(observed);
  if (written === undefined || (told !== undefined && told.sequence >= written.sequence)) return told;
  const weights = written.backends.filter((each) => each.weight > 0).map(({ revision, weight }) => ({ revision, weight }));
  return { sequence: written.sequence, hash: hashOfEntry(written), weights, ...(told?.acknowledged === undefined ? {} : { acknowledged: told.acknowledged }) };
}

/** The entry in the ConfigMap of this InferenceService, if it can be read. */
export function writtenEntry({ children, isvc }: Observed): RouteEntry | undefined {
  const data = children[`ConfigMap/${routeConfigMapName(isvc.metadata.name)}`]?.['data'] as Record<string, string> | undefined;
  const parsed = RouteEntry.safeParse(parsedJson(data?.[ROUTE_KEY]));
  return parsed.success && parsed.data.uid === isvc.metadata.uid ? parsed.data : undefined;
}

function parsedJson(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Identity of an entry's content, its number left out. */
export const hashOfEntry = (entry: RouteEntry): string => sha256Of(stableJson({ ...entry, sequence: 0 })).slice(0, 16);

/** What callers and metrics see of a revision. */
interface Names {
  versionOf: (revision: string) => string;
  roleOf: (revision: string) => string;
  /** Where its pods listen; each revision brings its own server. */
  portsOf: (revision: string) => { port: number; grpcPort?: number };
}

export interface RoutePlan {
  entry: RouteEntry;
  status: RouteStatus;
}

/** The entry to write now; absent while the ports are not allocated yet. */
export function routePlanFor(observed: Observed, advanced: Advanced, names: Names, known: RouteStatus | undefined): RoutePlan | undefined {
  const ports = observed.ports ?? observed.isvc.status?.ports;
  if (ports === undefined) return undefined;
  const draft = entryFor(observed, ports, advanced, names);
  const hash = hashOfEntry(draft);
  const sequence = sequenceFor(hash, known);
  const weights = advanced.split.map(([revision, weight]) => ({ revision, weight }));
  return { entry: { ...draft, sequence }, status: { sequence, hash, weights, ...(known?.acknowledged === undefined ? {} : { acknowledged: known.acknowledged }) } };
}

const sequenceFor = (hash: string, known: RouteStatus | undefined): number => (known === undefined ? 1 : known.sequence + (known.hash === hash ? 0 : 1));

function entryFor({ isvc }: Observed, ports: RouteEntry['ports'], { rollout, split, preview }: Advanced, names: Names): RouteEntry {
  const { namespace, name, uid } = isvc.metadata;
  return {
    schema: ROUTE_SCHEMA,
    uid,
    sequence: 1,
    namespace,
    name,
    ports: { public: ports.public, preview: ports.preview },
    ...backendsFor(rollout, split, names),
    ...(preview === undefined ? {} : { preview }),
    ...trafficFor(isvc.spec.traffic),
  };
}

/**
 * Everybody with a part to play, weight 0 included: a caller may pin its version. The stable revision's port is the entry's, and others are
 * told where they differ.
 */
function backendsFor(rollout: Rollout, split: Split, names: Names): Pick<RouteEntry, 'backends' | 'targetPort'> {
  const backends = whoPlays(rollout, split, names);
  const [first] = backends;
  const targetPort = first === undefined ? PORTS.server : names.portsOf(first.revision).port;
  return { targetPort, backends: backends.map((each) => ({ ...each, ...otherPorts(names.portsOf(each.revision), targetPort) })) };
}

const otherPorts = ({ port, grpcPort }: ReturnType<Names['portsOf']>, targetPort: number): Pick<RouteBackend, 'port' | 'grpcPort'> => ({
  ...(port === targetPort ? {} : { port }),
  ...(grpcPort === undefined ? {} : { grpcPort }),
});

function whoPlays(rollout: Rollout, split: Split, { versionOf, roleOf }: Names): RouteBackend[] {
  const weights: Record<string, number> = Object.fromEntries(split);
  const names = [rollout.stable, isActive(rollout) ? rollout.candidate : undefined, rollout.previous?.revision];
  return names.flatMap((revision) => {
    const role = revision === undefined ? undefined : RouteBackend.shape.role.safeParse(roleOf(revision)).data;
    return revision === undefined || role === undefined ? [] : [{ revision, role, weight: weights[revision] ?? 0, modelVersion: versionOf(revision) }];
  });
}

function trafficFor(traffic: InferenceServiceSpec['traffic']): Pick<RouteEntry, 'timeoutSeconds' | 'retry' | 'cors'> {
  return {
    timeoutSeconds: Math.max(0.001, durationMs(traffic.timeout) / 1000),
    retry: traffic.retry,
    ...(traffic.cors === undefined ? {} : { cors: corsFor(traffic.cors) }),
  };
}

function corsFor({ allowOrigins, allowMethods, allowHeaders, exposeHeaders, allowCredentials, maxAge }: NonNullable<InferenceServiceSpec['traffic']['cors']>): Cors {
  return {
    allowOrigins,
    ...(allowMethods === undefined ? {} : { allowMethods }),
    ...(allowHeaders === undefined ? {} : { allowHeaders }),
    ...(exposeHeaders === undefined ? {} : { exposeHeaders }),
    ...(allowCredentials === undefined ? {} : { allowCredentials }),
    ...(maxAge === undefined ? {} : { maxAgeSeconds: Math.round(durationMs(maxAge) / 1000) }),
  };
}
