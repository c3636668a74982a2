// Every way in which an InferenceService can be blocked, brought about on the real node: REASON and the Ready condition name the first
// cause and what to do within seconds, and where somebody else can end it, its end is enough. docs/reference/causes.md is held to this table.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { CONDITION_TYPES, REASONS } from '@slipway/api';
import type { InferenceService, Reason } from '@slipway/api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { containerdClient } from '../../tools/cluster/local/daemons.ts';
import { layoutOf } from '../../tools/cluster/local/layout.ts';
import { entering } from '../../tools/cluster/local/namespaces.ts';
import { readRecord } from '../../tools/cluster/local/record.ts';
import { anchorOf } from '../../tools/cluster/local/state.ts';
import { BASE_IMAGES } from '../../tools/cluster/local/layout.ts';
import { cutOff, digestOf, failsWarmUp, GOOD_FOLDER, goodPackage, otherBytes, unknownLayer, wrongManifest, wrongSignature } from './support/broken-packages.ts';
import { FaultyStore } from './support/faulty-store.ts';
import { condition, isTrue } from './support/isvc.ts';
import { ObjectStore } from './support/object-store.ts';
import { signalDaemon } from './support/processes.ts';
import { RouterLinks } from './support/router-links.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';

type Json = Record<string, unknown>;

interface Cause {
  title: string;
  name: string;
  reason: Reason;
  /** What the message of the Ready condition has to say besides the advice of the catalogue. */
  says: RegExp[];
  spec: () => Json;
  namespace?: string;
  before?: () => Promise<void>;
  /** Brings the blockade about where that takes a service that was well. */
  then?: () => Promise<void>;
  /** Ends the blockade without touching the InferenceService; it has to become healthy then. */
  recover?: () => Promise<void>;
  /** Longest wait from the cause to its name, in milliseconds. */
  withinMs?: number;
}

const world = new World();
const namespace = 'e2e-causes';
const bounded = 'e2e-causes-bounded';
const BUCKET = 'packages';
const HIDDEN = 'e2e-causes-hidden';
const CUT_OFF = 'e2e-causes-cut-off';
const ENDPOINTS = 'e2e-causes-endpoints';
const ROUTERLESS = 'e2e-causes-routerless';
const page = new URL('../../docs/reference/causes.md', import.meta.url);
let store: ObjectStore;
let ways: FaultyStore;
const routers = new RouterLinks(world);
let routerImage = '';

const small = { requests: { cpu: '20m', memory: '200Mi' }, limits: { memory: '1Gi' } };
const sample = (more: Json = {}): Json => ({ model: { storageUri: 'file:///models/classifier/v1', version: 'v1' }, resources: small, ...more });
const stored = (prefix: string, more: Json = {}): Json => sample({ model: { storageUri: `s3://${BUCKET}/${prefix}`, secretName: 'models', ...more } });
const tiny = { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '256Mi' } };

/** Somebody else's server: Node with a line of its own in place of the router that the image starts. */
function ownServer(script: string, more: Json = {}, others: Json[] = []): Json {
  const env = [...others, { name: 'NODE_OPTIONS', value: `--import=data:text/javascript,${encodeURIComponent(script)}` }];
  return sample({ resources: tiny, runtime: { image: routerImage, env, ...more } });
}

const changeQuota = (memory: string): Promise<void> =>
  world.apply({ apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'memory', namespace: bounded }, spec: { hard: { 'requests.memory': memory } } });
const secret = (name: string, keys?: { wrong?: boolean; without?: string; endpoint?: string }): Promise<void> => world.apply(store.secret(name, namespace, keys));

const ABSENT = 'nobody.invalid/scorer:v1';
const ANSWERS = 'import{createServer}from"node:http";createServer((q,r)=>r.end("here")).listen(8080);await new Promise(()=>{})';

/** The client of the node's containerd. */
async function containerd(...args: string[]): Promise<void> {
  const record = readRecord(layoutOf(world.access.id));
  if (record === undefined) throw new Error('only a local cluster lets its node be touched');
  const [program = '', ...rest] = entering(anchorOf(record), { mounts: true }, containerdClient(...args));
  await promisify(execFile)(program, rest);
}

/** The sample models as a volume, and the claim that was missing. */
async function makeClaim(): Promise<void> {
  const common = { accessModes: ['ReadOnlyMany'], storageClassName: '' };
  const volume = { ...common, capacity: { storage: '1Gi' }, persistentVolumeReclaimPolicy: 'Retain', hostPath: { path: path.resolve(GOOD_FOLDER, '../..') } };
  await world.apply(
    { apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'e2e-causes-models' }, spec: volume },
    { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'models', namespace }, spec: { ...common, volumeName: 'e2e-causes-models', resources: { requests: { storage: '1Gi' } } } },
  );
}

/** Brings routers into a namespace, by an InferenceService without pods, and does that to them. */
async function routersThen(at: string, act: () => Promise<void>): Promise<void> {
  await world.namespace(at);
  await world.apply({ apiVersion: 'serving.slipway.dev/v1alpha1', kind: 'InferenceService', metadata: { name: 'idle', namespace: at }, spec: sample({ replicas: 0 }) });
  await world.isvcUntil('served by the routers', 'idle', at, (isvc) => isTrue(isvc, 'RoutesReady'));
  await act();
}

const CAUSES: Cause[] = [
  {
    title: 'ResourceQuota used up',
    name: 'quota',
    namespace: bounded,
    reason: 'QuotaExceeded',
    says: [/exceeded quota: memory, requested: requests.memory=3Gi, used: requests.memory=\S+, limited: requests.memory=2Gi/],
    spec: () => sample({ resources: { requests: { cpu: '20m', memory: '3Gi' }, limits: { memory: '3Gi' } } }),
    recover: () => changeQuota('20Gi'),
  },
  {
    title: 'LimitRange of the namespace',
    name: 'limits',
    namespace: bounded,
    reason: 'LimitRangeExceeded',
    says: [/maximum memory usage per Container is 4Gi, but limit is 5Gi/],
    spec: () => sample({ resources: { requests: { cpu: '20m', memory: '200Mi' }, limits: { memory: '5Gi' } } }),
    recover: () => world.kubectl('delete', 'limitrange', 'sizes', '-n', bounded).then(() => undefined),
  },
  {
    title: 'Pod Security refuses the podTemplate',
    name: 'admission',
    reason: 'PodsForbidden',
    says: [/violates PodSecurity "restricted:latest"/, /privileged/],
    spec: () => sample({ podTemplate: { sidecars: [{ name: 'shell', image: 'slipway.local/shell:1', securityContext: { privileged: true, allowPrivilegeEscalation: true } }] } }),
  },
  {
    title: 'podTemplate not valid',
    name: 'template',
    reason: 'InvalidPodTemplate',
    says: [/spec\.template\.spec/],
    spec: () => sample({ podTemplate: { priorityClassName: 'p', volumes: [{ name: 'words', configMap: { name: 'words' }, emptyDir: {} }] } }),
  },
  {
    title: 'ServiceAccount missing',
    name: 'account',
    reason: 'ServiceAccountMissing',
    says: [/serviceaccount "scorer" not found/],
    spec: () => sample({ podTemplate: { serviceAccountName: 'scorer' } }),
    recover: () => world.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'scorer', namespace } }),
  },
  {
    title: 'Secret missing',
    name: 'secret',
    reason: 'SecretMissing',
    says: [/secret "not-yet-made" not found/],
    spec: () => stored('good', { secretName: 'not-yet-made' }),
    recover: () => secret('not-yet-made'),
  },
  {
    title: 'key missing in a Secret',
    name: 'key',
    reason: 'SecretMissing',
    says: [/couldn't find key AWS_SECRET_ACCESS_KEY in Secret e2e-causes\/half-made/],
    before: () => secret('half-made', { without: 'AWS_SECRET_ACCESS_KEY' }),
    spec: () => stored('good', { secretName: 'half-made' }),
    recover: () => secret('half-made'),
  },
  {
    title: 'PersistentVolumeClaim missing',
    name: 'claim',
    reason: 'VolumeMissing',
    says: [/persistentvolumeclaim "models" not found/],
    before: () => world.kubectl('delete', 'persistentvolume', 'e2e-causes-models', '--ignore-not-found').then(() => undefined),
    spec: () => sample({ model: { storageUri: 'pvc://models/classifier/v1', version: 'v1' } }),
    recover: makeClaim,
  },
  {
    title: 'no node has room',
    name: 'room',
    reason: 'Unschedulable',
    says: [/Insufficient memory/, /memory=9000Gi \(short by 8\.\dTi of memory/],
    spec: () => sample({ resources: { requests: { cpu: '20m', memory: '9000Gi' } } }),
  },
  {
    title: 'no node has the label',
    name: 'nodes',
    reason: 'Unschedulable',
    says: [/didn't match Pod's node affinity\/selector/, /e2e-causes=here/],
    spec: () => sample({ podTemplate: { nodeSelector: { 'e2e-causes': 'here' } } }),
    recover: () => world.kubectl('label', 'nodes', '--all', 'e2e-causes=here', '--overwrite').then(() => undefined),
  },
  {
    title: 'image cannot be pulled',
    name: 'image',
    reason: 'ImagePullFailed',
    says: [/container server/, /nobody\.invalid\/scorer:v1/],
    before: () => containerd('images', 'rm', ABSENT),
    spec: () => ownServer(ANSWERS, { image: ABSENT }),
    recover: () => containerd('images', 'tag', routerImage, ABSENT),
  },
  {
    title: 'image runs as root',
    name: 'root',
    reason: 'ImageRunsAsRoot',
    says: [/container server/, /image will run as root/],
    spec: () => sample({ resources: tiny, runtime: { image: BASE_IMAGES.pause } }),
  },
  {
    title: 'ConfigMap missing',
    name: 'settings',
    reason: 'ContainerConfigInvalid',
    says: [/container server: configmap "words" not found/],
    spec: () => ownServer(ANSWERS, {}, [{ name: 'WORDS', valueFrom: { configMapKeyRef: { name: 'words', key: 'all' } } }]),
    recover: () => world.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'words', namespace }, data: { all: 'none' } }),
  },
  {
    title: 'nothing at the storageUri',
    name: 'lost',
    reason: 'DownloadNotFound',
    says: [/s3:\/\/packages\/late\.tar\.gz/],
    spec: () => stored('late.tar.gz'),
    recover: () => store.putArchive(BUCKET, 'late.tar.gz', GOOD_FOLDER),
  },
  {
    title: 'storage refuses access',
    name: 'denied',
    reason: 'DownloadForbidden',
    says: [/s3:\/\/packages\/good/, /SignatureDoesNotMatch/],
    before: () => secret('outdated', { wrong: true }),
    spec: () => stored('good', { secretName: 'outdated' }),
    recover: () => secret('outdated'),
  },
  {
    title: 'host name does not resolve',
    name: 'dns',
    reason: 'DownloadDNS',
    says: [/nobody\.invalid/],
    spec: () => sample({ model: { storageUri: 'https://nobody.invalid/model.tar.gz' } }),
  },
  {
    title: 'storage does not answer',
    name: 'refused',
    reason: 'DownloadRefused',
    says: [/ECONNREFUSED/],
    spec: () => sample({ model: { storageUri: 'https://localhost:9/model.tar.gz' } }),
  },
  {
    title: 'storage breaks the connection',
    name: 'broken',
    reason: 'DownloadInterrupted',
    says: [/s3:\/\/packages\/broken\.tar\.gz/],
    before: async () => {
      await store.putArchive(BUCKET, 'broken.tar.gz', GOOD_FOLDER);
      await secret('broken', { endpoint: ways.cut });
    },
    spec: () => stored('broken.tar.gz', { secretName: 'broken' }),
    recover: () => ways.mend('cut'),
  },
  {
    title: 'storage has a problem of its own',
    name: 'troubled',
    reason: 'DownloadServerError',
    says: [/s3:\/\/packages\/good/, /503/],
    before: () => secret('troubled', { endpoint: ways.troubled }),
    spec: () => stored('good', { secretName: 'troubled' }),
    recover: () => ways.mend('troubled'),
  },
  {
    title: 'storage falls silent',
    name: 'silent',
    reason: 'DownloadTimeout',
    says: [/s3:\/\/packages\/silent\.tar\.gz: no byte for 30 s/],
    before: async () => {
      await store.putArchive(BUCKET, 'silent.tar.gz', GOOD_FOLDER);
      await secret('silent', { endpoint: ways.silent });
    },
    spec: () => stored('silent.tar.gz', { secretName: 'silent' }),
    recover: () => ways.mend('silent'),
    withinMs: 150_000,
  },
  {
    title: 'certificate not trusted',
    name: 'tls',
    reason: 'DownloadTLS',
    says: [/kubernetes\.default\.svc\/model\.tar\.gz/, /certificate/],
    spec: () => sample({ model: { storageUri: 'https://kubernetes.default.svc/model.tar.gz' } }),
  },
  {
    title: 'digest is not the one in the spec',
    name: 'digest',
    reason: 'DigestMismatch',
    says: [/the package digest is [0-9a-f]{12}/, /spec\.model\.sha256 asks for [0-9a-f]{12}/],
    before: () => store.put(BUCKET, 'pinned', goodPackage()),
    spec: () => stored('pinned', { sha256: digestOf(otherBytes()) }),
    recover: () => store.put(BUCKET, 'pinned', otherBytes()),
  },
  {
    title: 'package larger than the pod may store',
    name: 'disk',
    reason: 'DiskFull',
    says: [/Evicted: .*ephemeral local storage/],
    before: () => store.put(BUCKET, 'large', { ...goodPackage(), 'padding.bin': new Uint8Array(8 << 20) }),
    spec: () => ({ ...stored('large'), resources: { requests: { cpu: '20m', memory: '200Mi' }, limits: { memory: '1Gi', 'ephemeral-storage': '2Mi' } } }),
    withinMs: 100_000,
  },
  {
    title: 'archive cannot be unpacked',
    name: 'archive',
    reason: 'ArchiveInvalid',
    says: [/the archive can't be unpacked: TAR_BAD_ARCHIVE/],
    before: () => store.put(BUCKET, 'archives', { 'text.tar.gz': 'this is no archive' }),
    spec: () => stored('archives/text.tar.gz'),
  },
  {
    title: 'package without a model',
    name: 'empty',
    reason: 'ModelNotFound',
    says: [/holds no model: expected a model\.yaml/],
    before: () => store.put(BUCKET, 'empty', { 'README.md': 'the model is elsewhere' }),
    spec: () => stored('empty'),
  },
  {
    title: 'model.yaml not valid',
    name: 'manifest',
    reason: 'PackageInvalid',
    says: [/model\.yaml: name: /],
    before: () => store.put(BUCKET, 'manifest', wrongManifest()),
    spec: () => stored('manifest'),
  },
  {
    title: 'model cannot be parsed',
    name: 'parse',
    reason: 'ModelParseFailed',
    says: [/model\.json/, /JSON/],
    before: () => store.put(BUCKET, 'cut-off', cutOff()),
    spec: () => stored('cut-off'),
  },
  {
    title: 'operation not supported',
    name: 'operation',
    reason: 'UnsupportedOp',
    says: [/HyperDense/],
    before: () => store.put(BUCKET, 'operation', unknownLayer()),
    spec: () => stored('operation'),
  },
  {
    title: 'signature is not the declared one',
    name: 'signature',
    reason: 'WrongSignature',
    says: [/readings/, /\[-1, ?7\]/, /\[-1, ?5\]/],
    before: () => store.put(BUCKET, 'signature', wrongSignature()),
    spec: () => stored('signature'),
  },
  {
    title: 'warm-up fails',
    name: 'warmup',
    reason: 'WarmupFailed',
    says: [/warm-up input/, /9/],
    before: () => store.put(BUCKET, 'warm-up', failsWarmUp()),
    spec: () => stored('warm-up'),
  },
  {
    title: 'out of memory',
    name: 'memory',
    reason: 'OutOfMemory',
    says: [/container server/, /64Mi/],
    spec: () => ({ ...ownServer('globalThis.kept=[];for(;;)kept.push(Buffer.alloc(1<<20,1))'), resources: { requests: tiny.requests, limits: { memory: '64Mi' } } }),
  },
  {
    title: 'server keeps exiting',
    name: 'loop',
    reason: 'CrashLoop',
    says: [/exited with code 3/, /vocabulary\.txt is missing/],
    spec: () => ownServer('console.error("vocabulary.txt is missing");process.exit(3)'),
  },
  {
    title: 'server never gets ready',
    name: 'probe',
    reason: 'ProbeFailing',
    says: [/Readiness probe failed/, /503/],
    spec: () => ownServer('import{createServer}from"node:http";createServer((q,r)=>{r.writeHead(503);r.end("warming")}).listen(8080);await new Promise(()=>{})'),
    withinMs: 120_000,
  },
  {
    title: 'name taken',
    name: 'taken',
    reason: 'NameTaken',
    says: [/Service\/taken/],
    before: () => world.apply({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'taken', namespace }, spec: { ports: [{ port: 81 }] } }),
    spec: () => sample(),
    recover: () => world.kubectl('delete', 'service', 'taken', '-n', namespace).then(() => undefined),
  },
  {
    title: 'routers of the namespace cannot start',
    name: 'routerless',
    namespace: ROUTERLESS,
    reason: 'RoutersNotReady',
    says: [/pods "slipway-router-\S+" is forbidden: minimum memory usage per Container is 160Mi, but request is \d+Mi/],
    before: async () => {
      await world.namespace(ROUTERLESS);
      await world.apply({ apiVersion: 'v1', kind: 'LimitRange', metadata: { name: 'sizes', namespace: ROUTERLESS }, spec: { limits: [{ type: 'Container', min: { memory: '160Mi' } }] } });
    },
    spec: () => sample(),
    recover: () => world.kubectl('delete', 'limitrange', 'sizes', '-n', ROUTERLESS).then(() => undefined),
    withinMs: 180_000,
  },
  {
    title: 'router does not answer the operator',
    name: 'hidden',
    namespace: HIDDEN,
    reason: 'RouterUnreachable',
    says: [/router slipway-router-\S+: http:\/\/10\.\S+: no answer within 1000 ms/],
    before: () => routersThen(HIDDEN, () => routers.hideFromOperator(HIDDEN)),
    spec: () => sample(),
    recover: () => routers.restore(HIDDEN),
    withinMs: 120_000,
  },
  {
    title: 'router does not reach the API server',
    name: 'behind',
    namespace: CUT_OFF,
    reason: 'RouterBehind',
    says: [/router slipway-router-\S+ (does not know this InferenceService yet|serves routes number \d+, the newest are number \d+)/],
    before: () => routersThen(CUT_OFF, () => routers.cutOff(CUT_OFF)),
    spec: () => sample(),
    recover: () => routers.restore(CUT_OFF),
    withinMs: 120_000,
  },
  {
    title: 'package changed after the revision was pinned',
    name: 'changed',
    reason: 'PackageChanged',
    says: [/the package digest is [0-9a-f]{12}.*, the first pod of this revision got [0-9a-f]{12}/],
    before: () => store.put(BUCKET, 'changing', goodPackage()),
    spec: () => stored('changing'),
    then: async () => {
      await world.healthy('changed', namespace);
      await until('the package is pinned', async () => (await world.isvc('changed', namespace)).status?.revisions?.[0]?.digest !== undefined);
      await store.put(BUCKET, 'changing', otherBytes());
      await world.kubectl('scale', 'isvc', 'changed', '-n', namespace, '--replicas=2');
    },
    recover: () => store.put(BUCKET, 'changing', goodPackage()),
  },
];

/** What cannot be brought about beside others: the whole cluster is concerned. */
const ALONE: Cause[] = [
  {
    title: 'endpoints of ready pods are missing',
    name: 'endpoints',
    namespace: ENDPOINTS,
    reason: 'NoReadyEndpoints',
    says: [/1 ready pod of endpoints-\S+, but none among the endpoints of its Service/],
    before: () => world.namespace(ENDPOINTS).then(() => undefined),
    spec: () => sample(),
    // The controller that makes EndpointSlices halts as soon as the pod exists; the kubelet needs it no more.
    then: async () => {
      await until('there is a pod', async () => (await world.list('pods', ENDPOINTS, '-l', 'app.kubernetes.io/component=server')).length > 0, { intervalMs: 50 });
      signalDaemon(world.access.id, 'kube-controller-manager', 'SIGSTOP');
    },
    recover: () => Promise.resolve(signalDaemon(world.access.id, 'kube-controller-manager', 'SIGCONT')),
  },
];
const ALL = [...CAUSES, ...ALONE];

/** The line of `kubectl get -o wide`, by column. */
async function columns(name: string, at: string): Promise<Record<string, string>> {
  const [head = '', row = ''] = (await world.kubectl('get', 'isvc', name, '-n', at, '-o', 'wide')).split('\n');
  const starts = [...head.matchAll(/\S+/g)].map((match) => [match[0], match.index] as const);
  return Object.fromEntries(starts.map(([column, start], i) => [column, row.slice(start, starts[i + 1]?.[1]).trim()]));
}

/** What a person reads in the documents: names that are different each time are cut out. */
function printed(message: string): string {
  return message
    .replace(/\b10(\.\d+){3}(:\d+)?\b/g, '10.…')
    .replace(/\b([a-z]+)-[0-9a-f]{8,10}(-[a-z0-9]{8,10})?(-[a-z0-9]{5})?\b/g, '$1-…')
    .replace(/\b[0-9a-f]{64}\b/g, (digest) => `${digest.slice(0, 12)}…`);
}

async function blocked(cause: Cause, at: string): Promise<InferenceService> {
  const known = (isvc: InferenceService): boolean => {
    const ready = condition(isvc, 'Ready');
    return ready?.status === 'False' && ready.reason === cause.reason && isvc.status?.summary?.reason === cause.reason && cause.says.every((words) => words.test(ready.message));
  };
  const since = performance.now();
  const isvc = await world.isvcUntil(`${cause.reason} with its words`, cause.name, at, known, cause.withinMs ?? 120_000);
  process.stderr.write(`causes  ${((performance.now() - since) / 1000).toFixed(1)} s | ${cause.title} | ${cause.reason} | ${printed(condition(isvc, 'Ready')?.message ?? '')}\n`);
  return isvc;
}

/** An image that the operator was installed with. */
async function imageOf(variable: string): Promise<string> {
  const deployments = await world.list<{ spec: { template: { spec: { containers: { env?: { name: string; value?: string }[] }[] } } } }>('deployments', world.access.releaseNamespace);
  return deployments.flatMap(({ spec }) => spec.template.spec.containers.flatMap(({ env = [] }) => env)).find(({ name }) => name === variable)?.value ?? '';
}

async function setUp(): Promise<void> {
  await Promise.all([world.namespace(namespace), world.namespace(bounded)]);
  store = await ObjectStore.start(world);
  routerImage = await imageOf('ROUTER_IMAGE');
  ways = new FaultyStore(world, store.endpoint);
  await Promise.all([store.makeBucket(BUCKET), ways.answers()]);
  await Promise.all([store.put(BUCKET, 'good', goodPackage()), secret('models'), changeQuota('2Gi')]);
  await world.apply({ apiVersion: 'v1', kind: 'LimitRange', metadata: { name: 'sizes', namespace: bounded }, spec: { limits: [{ type: 'Container', max: { memory: '4Gi' } }] } });
}

/** The whole story of one cause: it comes, is named within its time, and goes by itself where somebody else can end it. */
async function story(cause: Cause): Promise<void> {
  const at = cause.namespace ?? namespace;
  await cause.before?.();
  await world.apply({ apiVersion: 'serving.slipway.dev/v1alpha1', kind: 'InferenceService', metadata: { name: cause.name, namespace: at }, spec: cause.spec() });
  await cause.then?.();
  const isvc = await blocked(cause, at);
  expect(condition(isvc, 'Ready')?.message, 'what to do').toContain(REASONS[cause.reason].advice);
  expect(isTrue(isvc, 'Progressing'), 'blocked must not look like progress').toBe(false);
  expect(isvc.status?.phase).toBe('Degraded');
  expect(isvc.status?.conditions?.map((one) => one.type)).toEqual(CONDITION_TYPES);
  expect(await columns(cause.name, at)).toMatchObject({ PHASE: 'Degraded', REASON: cause.reason });
  if (cause.recover !== undefined) {
    await cause.recover();
    const well = await world.healthy(cause.name, at);
    expect(well.metadata.generation, 'nobody touched the spec').toBe(isvc.metadata.generation);
    expect(await columns(cause.name, at)).toMatchObject({ PHASE: 'Healthy', REASON: '' });
  }
  await world.kubectl('delete', 'isvc', cause.name, '-n', at, '--wait=false');
}

describe.concurrent('the first blocking cause', () => {
  beforeAll(setUp);
  afterAll(async () => {
    await routers.stop();
    await world.kubectl('label', 'nodes', '--all', 'e2e-causes-');
    await Promise.all([namespace, bounded, HIDDEN, CUT_OFF, ROUTERLESS].map((each) => world.deleteNamespace(each)));
    await world.kubectl('delete', 'persistentvolume', 'e2e-causes-models', '--ignore-not-found', '--wait=false');
    await containerd('images', 'rm', ABSENT);
    ways.stop();
    await store.stop();
  });

  it.for(CAUSES.toSorted((a, b) => (b.withinMs ?? 0) - (a.withinMs ?? 0)))('$title: $reason', story);

  it('a download tells how far it is and how fast, and lasts longer than progressDeadline', async () => {
    await store.put(BUCKET, 'slow', { ...goodPackage(), 'padding.bin': randomBytes(12 << 20) });
    await secret('slow', { endpoint: ways.slow });
    const spec = { ...stored('slow', { secretName: 'slow' }), rollout: { strategy: 'RollingUpdate', progressDeadline: '10s' } };
    await world.apply({ apiVersion: 'serving.slipway.dev/v1alpha1', kind: 'InferenceService', metadata: { name: 'slow', namespace }, spec });
    const far = /the package: [\d.]+ MB of 13 MB \([5-9]0%\) at 0\.\d MB\/s/;
    const isvc = await world.isvcUntil('half way', 'slow', namespace, (seen) => far.test(condition(seen, 'Ready')?.message ?? ''), 200_000);
    expect(condition(isvc, 'Progressing')).toMatchObject({ status: 'True', reason: 'Downloading' });
    expect(isTrue(isvc, 'Stalled'), 'bytes arrive, so it is not late').toBe(false);
    expect(isvc.status?.summary?.reason).toBe('Downloading');
    await world.healthy('slow', namespace);
  });
});

describe('the first blocking cause, where it concerns the whole cluster', () => {
  afterAll(async () => {
    signalDaemon(world.access.id, 'kube-controller-manager', 'SIGCONT');
    await Promise.all(ALONE.map((cause) => world.deleteNamespace(cause.namespace ?? namespace)));
  });

  it.for(ALONE)('$title: $reason', story);
});

describe('docs/reference/causes.md', () => {
  const [table = ''] = readFileSync(page, 'utf8').split('\n## ');
  const rows = table.split('\n').flatMap((line) => {
    const [, title = '', reason = '', message = '', advice = ''] = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
    return reason.startsWith('`') ? [{ title, reason: reason.replaceAll('`', ''), message: message.replaceAll('\\|', '|'), advice }] : [];
  });

  it('has a row for every cause of this table, and no other', () => {
    expect(rows.map(({ title, reason }) => `${title}: ${reason}`)).toEqual(ALL.map(({ title, reason }) => `${title}: ${reason}`));
  });

  it.for(ALL)('shows the words of $title', ({ title, reason, says }) => {
    const row = rows.find((one) => one.title === title);
    expect(row?.advice).toBe(REASONS[reason].advice);
    for (const words of says) expect(row?.message).toMatch(words);
  });
});
