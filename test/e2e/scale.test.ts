// A hundred InferenceServices, their servers on simulated nodes and their routers on the real one: what they cost the operator and the API
// server, in counts that no busy machine changes. `npm run scale` measures thousands, and times.
import { createClient, createTransport, kubeconfigConnection, systemClock } from '@slipway/kube';
import type { Client } from '@slipway/kube';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { INFERENCE_SERVICES } from '../../operator/src/runtime/managed-types.ts';
import { measure } from '../scale/measure.ts';
import type { ScaleFigures } from '../scale/measure.ts';
import { writesIn } from '../scale/operator-view.ts';
import { tableOf } from '../scale/report.ts';
import { startSimulatedNodes } from '../scale/simulated-nodes.ts';
import type { SimulatedNodes } from '../scale/simulated-nodes.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';

const COUNT = 100;
const LONGEST_MS = 30 * 60_000;
const MIB = 1024 * 1024;
const tell = (line: string): void => void process.stderr.write(`scale  ${line}\n`);

const { access } = new World();
let client: Client;
let nodes: SimulatedNodes | undefined;
let figures: Required<ScaleFigures>;

describe('a hundred InferenceServices', () => {
  beforeAll(async () => {
    client = createClient(createTransport({ connection: await kubeconfigConnection({ path: access.kubeconfig, clock: systemClock }), clock: systemClock, userAgent: 'slipway-scale' }));
    // What other tests left behind would write as well.
    await until('no other InferenceService is left', async () => (await client.list(INFERENCE_SERVICES)).items.length === 0);
    nodes = await startSimulatedNodes({ access, client, count: 2, report: tell });
    figures = await measure({ access, client, count: COUNT, namespaces: 4, run: 'e2e', oneMore: 2, tries: 3, idleMs: 15_000, readyMs: LONGEST_MS / 2, leave: false, tell: () => undefined });
    tell(`\n${tableOf(figures)}`);
  }, LONGEST_MS);
  afterAll(async () => {
    await nodes?.stop();
    await client?.close();
  });

  it('cost a bounded number of requests each to make', () => {
    const { creation } = figures.made;
    const requests = Object.values(creation.requests).reduce((sum, n) => sum + n, 0);
    expect(requests / COUNT, JSON.stringify(creation.requests)).toBeLessThan(40);
    expect(creation.requests['list pods'], 'caches, not lists').toBeUndefined();
  });

  it('cost nothing when an edit changes nothing', () => {
    const { edits, requests } = figures.rest.steady;
    const writes = writesIn(requests);
    // Every tenth edit adds a replica: its Deployment, its status on the way, its event.
    expect(writes['apply deployments']).toBeGreaterThanOrEqual(edits / 10);
    expect(writes['apply deployments']).toBeLessThan(edits / 2);
    expect(writes['apply services'], 'nobody asked for another Service').toBeUndefined();
    expect(figures.rest.steady.writes).toBeLessThan(edits);
  });

  it('are taken over by a new operator without a single write', () => {
    expect(writesIn(figures.rest.restart.requests)).toEqual({});
    expect(figures.rest.restart.passes).toBeGreaterThanOrEqual(COUNT);
  });

  it('cost nothing while nothing changes, but the Lease and now and then a watch', () => {
    const { requests, passes } = figures.rest.idle;
    expect(writesIn(requests)).toEqual({});
    expect(Object.keys(requests).filter((key) => !/ leases$|^watch |^get discovery$/.test(key))).toEqual([]);
    expect(passes, 'nothing is looked at on a timer').toBeLessThan(COUNT / 2);
  });

  it('fit into little memory', () => {
    expect(figures.made.peakBytes).toBeLessThan(400 * MIB);
  });
});
