// Objects of a release edited or deleted by hand at the worst moment, under load: everything comes back as it was asked for, and no caller
// notices. The one exception is the public Service, whose address is lost with it.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Aftermath } from './support/aftermath.ts';
import { isTrue, weightOf } from './support/isvc.ts';
import { canaryOf, candidateOf, EXAMPLE, Release } from './support/release.ts';
import { RouteWatch } from './support/route-watch.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';

const world = new World();
const namespace = 'e2e-faults-objects';
const name = 'sentiment';
const route = 'sentiment-route';
const release = new Release({ world, name, namespace, rate: 50 });
const routes = new RouteWatch(world.access, namespace);
const aftermath = new Aftermath(world, namespace);

interface Backend {
  modelVersion: string;
  weight: number;
}

const kubectl = (...args: string[]): Promise<string> => world.kubectl(...args, '-n', namespace);

const routeText = async (): Promise<string> => (await world.get<{ data: Record<string, string> }>('configmap', route, namespace)).data['route.json'] ?? '';

async function writeRoute(text: string): Promise<void> {
  await kubectl('patch', 'configmap', route, '--type=merge', '-p', JSON.stringify({ data: { 'route.json': text } }));
}

/** The share of v2 as it is written now; undefined while nothing readable is. */
async function written(): Promise<number | undefined> {
  const { backends } = JSON.parse(await routeText()) as { backends: Backend[] };
  return backends.find((each) => each.modelVersion === 'v2')?.weight;
}

const replicasOf = async (deployment: string): Promise<{ asked: number; ready: number }> => {
  const { spec, status } = await world.get<{ spec: { replicas: number }; status: { readyReplicas?: number } }>('deployment', deployment, namespace);
  return { asked: spec.replicas, ready: status.readyReplicas ?? 0 };
};

const uidOf = async (kind: string, object: string): Promise<string> => (await world.get<{ metadata: { uid: string } }>(kind, object, namespace)).metadata.uid;

describe('objects edited or deleted by hand', () => {
  let stable = '';
  let candidate = '';

  beforeAll(async () => {
    await world.namespace(namespace);
    stable = (await release.startWith(canaryOf(20, 60), 2)).status?.rollout?.stable ?? '';
    await aftermath.begin();
    await routes.start();
    await release.setModel('v2');
    candidate = candidateOf(await release.waitingAt(20));
  });
  afterEach(() => {
    release.killLoad();
  });
  afterAll(async () => {
    routes.stop();
    await world.kubectl('delete', 'namespace', namespace, '--wait=false', '--ignore-not-found');
  });

  it("the candidate's Deployment deleted while the share moves: the stable revision answers until it is back, then the rollout goes on", async () => {
    await release.startLoad();
    await release.promote();
    await kubectl('delete', 'deployment', candidate, '--wait=false');
    await release.waitingAt(60);
    const report = await release.stopLoad();
    expect(report.failures).toEqual([]);
    expect(routes.sharesOf('v2').filter((share) => ![0, 20, 60].includes(share))).toEqual([]);
    expect((await replicasOf(candidate)).asked).toBe(2);
  });

  it('the route edited, made unreadable, raised and deleted: it is written again, and the routers serve it', async () => {
    await release.startLoad();
    const before = JSON.parse(await routeText()) as { sequence: number; backends: Backend[] };
    const isBack = (): Promise<boolean> => until('the share is 60 % again', async () => (await written()) === 60);
    const other = before.backends.map((each) => ({ ...each, weight: each.modelVersion === 'v2' ? 100 : 0 }));
    await writeRoute(JSON.stringify({ ...before, backends: other }));
    await isBack();
    await writeRoute('not JSON');
    await isBack();
    await writeRoute(JSON.stringify({ ...before, backends: other, sequence: before.sequence + 1000 }));
    await isBack();
    expect((JSON.parse(await routeText()) as { sequence: number }).sequence).toBeGreaterThan(before.sequence + 1000);
    await kubectl('delete', 'configmap', route);
    await isBack();
    const isvc = await release.until('routed again', (each) => isTrue(each, 'RoutesReady') && (each.status?.route?.sequence ?? 0) > before.sequence + 1000 && each.status?.route?.acknowledged === each.status?.route?.sequence);
    const report = await release.stopLoad();
    expect(report.failures).toEqual([]);
    expect(weightOf(isvc, 'v2')).toBe(60);
  });

  it('the stable Deployment scaled to 0: it gets its pods back, and what is left of it or the candidate answers meanwhile', async () => {
    await release.startLoad();
    await kubectl('scale', 'deployment', stable, '--replicas=0');
    await until('it has its pods again', async () => {
      const { asked, ready } = await replicasOf(stable);
      return asked === 2 && ready === 2;
    }, { timeoutMs: 200_000 });
    await release.waitingAt(60);
    const report = await release.stopLoad();
    expect(report.failures).toEqual([]);
    expect(routes.sharesOf('v2').filter((share) => ![0, 20, 60, 100].includes(share))).toEqual([]);
  });

  it("the headless Services and the records of both revisions deleted: they come back, and pods are still found", async () => {
    await release.startLoad();
    const uids = await Promise.all([stable, candidate].map((each) => uidOf('deployment', each)));
    const records = await Promise.all([stable, candidate].map((each) => world.get<{ data: unknown; revision: number }>('controllerrevision', each, namespace)));
    const steps = routes.weights;
    await kubectl('delete', 'service', stable, candidate);
    await kubectl('delete', 'controllerrevision', stable, candidate);
    for (const [index, revision] of [stable, candidate].entries()) {
      const back = await until(`the record of ${revision} is back`, () => world.get<{ data: unknown; revision: number }>('controllerrevision', revision, namespace));
      expect({ data: back.data, revision: back.revision }).toEqual({ data: records[index]?.data, revision: records[index]?.revision });
      await until(`the Service of ${revision} is back`, async () => (await uidOf('service', revision)) !== '');
    }
    await release.waitingAt(60);
    const report = await release.stopLoad();
    expect(report.failures).toEqual([]);
    expect(await Promise.all([stable, candidate].map((each) => uidOf('deployment', each)))).toEqual(uids);
    expect(routes.weights).toEqual(steps);
  });

  it('the public Service deleted: it is made again, and its new address answers', async () => {
    const before = await uidOf('service', name);
    await kubectl('delete', 'service', name);
    await until('there is another one', async () => (await uidOf('service', name)) !== before);
    const url = `${await world.clusterIp(name, namespace)}/predict`;
    await until('it answers', async () => (await world.post(url, { text: EXAMPLE.text })).status === 200);
  });

  it('after all that the release ends as it was asked for, with nothing left over and the operator at rest', async () => {
    await release.startLoad();
    await release.promote();
    const isvc = await release.healthy();
    const report = await release.stopLoad();
    expect(report.failures).toEqual([]);
    expect(isvc.status?.rollout?.stable).toBe(candidate);
    await aftermath.noOrphans(isvc);
    await aftermath.atRest();
    await aftermath.memoryAsBefore();
  });

  it('the InferenceService deleted and made again under the same name in the middle of a rollout', async () => {
    await release.setModel('v1');
    await release.until('a candidate has pods', (isvc) => isvc.status?.rollout?.candidate !== undefined && (isvc.status.revisions?.some((each) => each.role === 'canary' && each.ready > 0) ?? false));
    const before = (await release.isvc()).metadata.uid;
    await kubectl('delete', 'isvc', name, '--wait=false');
    await release.apply(canaryOf(20, 60), 1);
    const isvc = await release.healthy();
    expect(isvc.metadata.uid).not.toBe(before);
    const answer = await until('it answers', async () => {
      const one = await world.post(`${await world.clusterIp(name, namespace)}/predict`, { text: EXAMPLE.text });
      return one.status === 200 ? one : undefined;
    });
    expect(answer.body['prediction']).toBe(EXAMPLE.expect['v1']);
    await aftermath.noOrphans(isvc);
    await aftermath.atRest();
  });
});
