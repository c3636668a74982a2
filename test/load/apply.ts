// The bench of what the operator adds between `kubectl apply` and Ready: an InferenceService against a bare Deployment with the very same
// pod (image, init container, probes), in turns, on the cluster of `npm start`. The first InferenceService of the namespace is not counted:
// it also brings the routers up.
// Run: npm start, then node tools/run.mjs test/load/apply.ts [--rounds 7] [--kubeconfig FILE]
import { execFile } from 'node:child_process';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import { layoutOf } from '../../tools/cluster/local/layout.ts';
import { choose } from '../../tools/cluster/choose.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '7' }, kubeconfig: { type: 'string' } } });
const ROUNDS = Number(values.rounds);
const NAMESPACE = 'slipway-bench-apply';
const TIMEOUT = '--timeout=120s';

interface Deployment {
  spec: { selector: { matchLabels: Record<string, string> }; template: { metadata: { labels: Record<string, string> }; spec: { serviceAccountName?: string } } };
}

const { kubectl } = await (await choose({ id: 'slipway', report: () => undefined })).clients();
const kubeconfig = path.resolve(values.kubeconfig ?? process.env['KUBECONFIG'] ?? layoutOf('slipway').kubeconfig);

async function ask(args: readonly string[], input?: unknown): Promise<string> {
  const running = promisify(execFile)(kubectl, ['--kubeconfig', kubeconfig, '-n', NAMESPACE, ...args], { maxBuffer: 64 * 1024 * 1024 });
  running.child.stdin?.end(input === undefined ? '' : JSON.stringify(input));
  return (await running).stdout;
}

/** A kubelet looks at its pods once a second: applies are spread over that second, after another one for what was deleted before. */
const anyMoment = (): Promise<void> => setTimeout(1000 + 1000 * Math.random());

/** Milliseconds from apply to the condition, kubectl's own start included on both sides. */
async function applied(object: unknown, condition: string, name: string): Promise<number> {
  await anyMoment();
  const started = performance.now();
  await ask(['apply', '-f', '-'], object);
  await ask(['wait', `--for=condition=${condition}`, name, TIMEOUT]);
  return performance.now() - started;
}

const service = (name: string): unknown => ({
  apiVersion: 'serving.slipway.dev/v1alpha1',
  kind: 'InferenceService',
  metadata: { name },
  spec: { model: { storageUri: 'file:///models/sentiment/v1', version: 'v1' }, replicas: 1, resources: { requests: { cpu: '50m', memory: '300Mi' } } },
});

/** The Deployment that the operator made, as anybody could have written it: of nobody's, with a selector of its own. */
async function bareCopy(of: string, name: string): Promise<unknown> {
  const [made] = (JSON.parse(await ask(['get', 'deployments', '-l', `app.kubernetes.io/instance=${of}`, '-o', 'json'])) as { items: Deployment[] }).items;
  if (made === undefined) throw new Error(`there is no Deployment of ${of}`);
  const { selector, template, ...spec } = made.spec;
  const labels = { app: name };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name }, spec: { ...spec, selector: { ...selector, matchLabels: labels }, template: { ...template, metadata: { labels } } } };
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

async function round(index: number): Promise<{ isvc: number; bare: number }> {
  const [name, bare] = [`round-${index}`, `bare-${index}`];
  const isvc = await applied(service(name), 'Ready', `isvc/${name}`);
  const copy = await bareCopy(name, bare);
  // What leaves only sleeps: its pods wait for callers that there never were.
  await ask(['delete', 'isvc', name, '--wait=false']);
  const alone = await applied(copy, 'Available', `deployment/${bare}`);
  await ask(['delete', 'deployment', bare, '--wait=false']);
  return { isvc, bare: alone };
}

try {
  await ask(['create', 'namespace', NAMESPACE]);
  console.log(`first InferenceService of a namespace (brings the routers up): ${((await applied(service('first'), 'Ready', 'isvc/first')) / 1000).toFixed(2)} s`);
  const rounds: { isvc: number; bare: number }[] = [];
  for (let index = 1; index <= ROUNDS; index++) {
    const each = await round(index);
    rounds.push(each);
    console.log(`round ${index}   InferenceService ${(each.isvc / 1000).toFixed(2)} s   bare Deployment ${(each.bare / 1000).toFixed(2)} s`);
  }
  const [isvc, bare] = [median(rounds.map((each) => each.isvc)), median(rounds.map((each) => each.bare))];
  console.log(`median    InferenceService ${(isvc / 1000).toFixed(2)} s   bare Deployment ${(bare / 1000).toFixed(2)} s   added ${((isvc - bare) / 1000).toFixed(2)} s`);
} finally {
  await ask(['delete', 'namespace', NAMESPACE, '--ignore-not-found']);
}
