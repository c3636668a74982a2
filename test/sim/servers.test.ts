// Releases that bring another server: each revision's pods are reached where they listen, in every tick, and a revision's number stays.
import { describe, expect, it } from 'vitest';
import type { RouteEntry } from '@slipway/api';
import { CANARY, healthy, promoted } from './scenarios.ts';
import { World } from './world.ts';

interface Container {
  env: { name: string; value?: string }[];
  ports: { name: string; containerPort: number }[];
  volumeMounts: { mountPath: string }[];
}

const serverOf = (world: World, version: string): Container => {
  const { record } = world.revisions.get(world.revisionOf(version) ?? '') ?? {};
  return (record?.deployment['spec'] as { template: { spec: { containers: [Container] } } }).template.spec.containers[0];
};
const numberOf = (world: World, version: string): string | undefined => serverOf(world, version).env.find(({ name }) => name === 'REVISION_NUMBER')?.value;

/** Where a router that reads the entry sends calls for the version. */
function portsOf({ targetPort, backends }: RouteEntry, version: string): { http: number; grpc: number } | undefined {
  const found = backends.find((each) => each.modelVersion === version);
  return found && { http: found.port ?? targetPort, grpc: found.grpcPort ?? found.port ?? targetPort };
}

/** The ports that routers use for each version, as seen in every tick from now on. */
function watched(world: World, ...versions: string[]): Record<string, string[]> {
  const seen: Record<string, string[]> = Object.fromEntries(versions.map((version) => [version, []]));
  world.between = () => {
    for (const version of versions) for (const { entry } of world.routers) note(seen[version], entry && portsOf(entry, version));
  };
  return seen;
}

function note(seen: string[] | undefined, ports: ReturnType<typeof portsOf>): void {
  const text = ports && `${String(ports.http)} ${String(ports.grpc)}`;
  if (text !== undefined && seen?.includes(text) === false) seen.push(text);
}

const untilStable = (world: World, version: string): void => {
  world.until(`${version} is stable`, () => {
    const { state, reason, stable, promote } = world.status?.rollout ?? {};
    if (reason === 'AwaitingPromotion' && promote !== undefined) world.annotations['serving.slipway.dev/promote'] = promote;
    return state === 'Idle' && world.versionOf(stable ?? '') === version;
  });
};

describe('a canary from our server to one that was brought along', () => {
  it('reaches both where they listen, all the way', () => {
    const world = new World({ spec: CANARY });
    healthy(world);
    const seen = watched(world, 'v1', 'v2');
    world.edit({ runtime: { image: 'mlserver:1', protocol: 'mlserver' } });
    world.model('v2');
    untilStable(world, 'v2');
    promoted(world);
    expect(seen).toEqual({ v1: ['3000 3000'], v2: ['8080 8081'] });
    expect(serverOf(world, 'v2').ports.map(({ name, containerPort }) => `${name} ${String(containerPort)}`)).toEqual(['http 8080', 'grpc 8081', 'metrics 8082']);
  });
});

describe('the number of a revision', () => {
  it('is its place in the InferenceService, and undo finds it again', () => {
    const world = new World({ spec: { replicas: 1 } });
    healthy(world);
    world.model('v2');
    untilStable(world, 'v2');
    world.model('v3');
    untilStable(world, 'v3');
    world.model('v1');
    untilStable(world, 'v1');
    expect(['v1', 'v2', 'v3'].map((version) => numberOf(world, version))).toEqual(['1', '2', '3']);
    expect(world.status?.revisionSequence).toBe(3);
  });
});
