// networkPolicy.enabled, enforced: serving pods are reached by the routers, the operator and Prometheus, each on its ports, and by nobody else.
// kube-router's firewall enforces the policies; before it starts everybody gets through, so what is blocked afterwards is blocked by them.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifest } from './support/isvc.ts';
import { PolicyEnforcer } from './support/policy-enforcer.ts';
import type { Pod } from './support/processes.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';

const world = new World();
const namespace = 'e2e-network';
const elsewhere = 'e2e-network-elsewhere';
const PROMETHEUS = { 'app.kubernetes.io/name': 'prometheus' };
const REQUEST = { modelName: 'classifier', inputs: [[1, 2, 3, 4, 5]] };
const { chart, release, releaseNamespace } = world.access;
let enforcer: PolicyEnforcer | undefined;

const addressOf = (pod: Pod | undefined): string => pod?.status.podIP ?? '';
const policies = (enabled: boolean): Promise<string> =>
  world.helm('upgrade', release, chart, '-n', releaseNamespace, '--reuse-values', '--wait', '--timeout', '180s', '--set', `networkPolicy.enabled=${enabled}`);

/** A pod that waits, with the tools of the router's image. */
function bystander(name: string, at: string, labels: Record<string, string>, image: string): Record<string, unknown> {
  const securityContext = { runAsNonRoot: true, runAsUser: 65532, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, seccompProfile: { type: 'RuntimeDefault' } };
  const container = { name: 'main', image, imagePullPolicy: 'IfNotPresent', command: ['node', '-e', 'process.on("SIGTERM",()=>process.exit());setInterval(()=>{},1e6)'], securityContext };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: at, labels }, spec: { automountServiceAccountToken: false, containers: [container] } };
}

interface Visitor {
  pod: string;
  at: string;
}

const STRANGER: Visitor = { pod: 'stranger', at: namespace };
const SCRAPER: Visitor = { pod: 'scraper', at: elsewhere };

/** Whether each `ADDRESS:PORT` lets that pod connect. A firewall drops packets or refuses them, as it likes; what is open before is served. */
async function tries({ pod, at }: Visitor, doors: readonly string[]): Promise<string[]> {
  const script = `
    const knock = (door) => new Promise((resolve) => {
      const [host, port] = door.split(':');
      const socket = require('node:net').connect({ host, port: Number(port), timeout: 1500 });
      const end = (word) => { socket.destroy(); resolve(word); };
      socket.once('connect', () => end('open')).once('timeout', () => end('closed')).once('error', (error) => end(error.code === 'ECONNREFUSED' ? 'closed' : error.code));
    });
    Promise.all(${JSON.stringify(doors)}.map(knock)).then((words) => console.log(JSON.stringify(words)));`;
  return JSON.parse(await world.kubectl('exec', '-n', at, pod, '--', 'node', '-e', script)) as string[];
}

describe('NetworkPolicies that are enforced', () => {
  let server = '';
  let router = '';
  let operator = '';

  beforeAll(async () => {
    await PolicyEnforcer.prepare();
    await Promise.all([world.namespace(namespace), world.namespace(elsewhere), policies(true)]);
    const isvc = manifest({ name: 'classifier', namespace, model: 'classifier/v1' });
    await world.apply(isvc);
    await world.healthy('classifier', namespace);
    const [routers, servers, [first]] = await Promise.all([
      world.list<Pod & { spec: { containers: { image: string }[] } }>('pods', namespace, '-l', 'app.kubernetes.io/component=router'),
      world.list<Pod>('pods', namespace, '-l', 'app.kubernetes.io/component=server'),
      world.operators(),
    ]);
    [router, server, operator] = [addressOf(routers[0]), addressOf(servers[0]), addressOf(first)];
    const image = routers[0]?.spec.containers[0]?.image ?? '';
    await world.apply(bystander(STRANGER.pod, STRANGER.at, { app: 'stranger' }, image), bystander(SCRAPER.pod, SCRAPER.at, PROMETHEUS, image));
    await Promise.all([STRANGER, SCRAPER].map(({ pod, at }) => world.kubectl('wait', '--for=condition=Ready', `pod/${pod}`, '-n', at, '--timeout=120s')));
  });
  afterAll(async () => {
    await enforcer?.stop();
    await policies(false);
    await Promise.all([namespace, elsewhere].map((each) => world.deleteNamespace(each)));
  });

  it('before anybody enforces them a stranger gets everywhere', async () => {
    expect(await tries(STRANGER, [`${server}:3000`, `${server}:9090`, `${router}:9090`, `${operator}:9090`])).toEqual(['open', 'open', 'open', 'open']);
  });

  it('once they are enforced a stranger gets to the public ports of the routers, and nowhere else', async () => {
    enforcer = await PolicyEnforcer.start(world);
    const doors = [`${server}:3000`, `${server}:9090`, `${router}:9090`, `${operator}:9090`];
    await until('the rules are in place', async () => {
      const words = await tries(STRANGER, doors);
      if (words.some((word) => word !== 'closed')) throw new Error(`${words.join()}; ${enforcer?.log}`);
      return true;
    });
    const { ports } = (await world.isvc('classifier', namespace)).status ?? {};
    expect(await tries(STRANGER, [`${router}:${ports?.public}`])).toEqual(['open']);
  });

  it('Prometheus gets to the admin ports alone', async () => {
    expect(await tries(SCRAPER, [`${server}:9090`, `${router}:9090`, `${operator}:9090`, `${server}:3000`])).toEqual(['open', 'open', 'open', 'closed']);
  });

  it('the routers reach the pods and the operator reaches both: callers are served, and a new revision comes to life', async () => {
    const url = `${await world.clusterIp('classifier', namespace)}/predict`;
    expect((await world.post(url, REQUEST)).status).toBe(200);
    await world.kubectl('patch', 'isvc', 'classifier', '-n', namespace, '--type=merge', '-p', JSON.stringify({ spec: { resources: { requests: { cpu: '51m' } } } }));
    await world.healthy('classifier', namespace);
    const [pod] = await world.list<Pod>('pods', namespace, '-l', 'app.kubernetes.io/component=server', '--field-selector', 'status.phase=Running');
    expect(await tries(STRANGER, [`${addressOf(pod)}:3000`]), 'the new pod is closed too').toEqual(['closed']);
    expect((await world.post(url, REQUEST)).status).toBe(200);
  });
});
