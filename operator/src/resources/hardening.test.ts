// Every pod that Slipway makes or installs, as the golden files show it: no root, no writable root file system in images of ours, seccomp,
// no capabilities, no token where nobody talks to the API server. What users bring in podTemplate is theirs, within `restricted`.
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { loadAll } from 'js-yaml';
import { describe, expect, it } from 'vitest';

interface Context {
  runAsNonRoot?: boolean;
  readOnlyRootFilesystem?: boolean;
  allowPrivilegeEscalation?: boolean;
  privileged?: boolean;
  capabilities?: { drop?: string[]; add?: string[] };
  seccompProfile?: { type: string };
}

interface Container {
  name: string;
  image: string;
  securityContext?: Context;
}

interface PodSpec {
  serviceAccountName?: string;
  automountServiceAccountToken?: boolean;
  hostNetwork?: boolean;
  hostPID?: boolean;
  hostIPC?: boolean;
  securityContext?: Context;
  containers: Container[];
  initContainers?: Container[];
  volumes?: Record<string, unknown>[];
}

interface Workload {
  kind?: string;
  metadata: { name: string; labels?: Record<string, string> };
  spec: { template: { metadata?: { labels?: Record<string, string> }; spec: PodSpec } };
}

const here = import.meta.dirname;
const folders = [path.join(here, 'testdata/isvc'), path.join(here, 'testdata/namespace'), path.join(here, '../../../test/cluster/fixtures/chart')];
const files = folders.flatMap((folder) => readdirSync(folder).filter((file) => file.endsWith('.out.yaml')).map((file) => path.join(folder, file)));
const pods = files.flatMap((file) =>
  (loadAll(readFileSync(file, 'utf8')) as (Workload | null)[]).flatMap((each): [string, Workload][] => (each?.kind === 'Deployment' ? [[`${path.relative(path.join(here, '../../..'), file)}: ${each.metadata.name}`, each]] : [])),
);
const isOurs = ({ image }: Container): boolean => /(slipway|other|a)\.example\.com|registry\.example\.com\/slipway/.test(image);
const componentOf = (workload: Workload): string | undefined => workload.spec.template.metadata?.labels?.['app.kubernetes.io/component'];

describe('every pod', () => {
  it('is looked at: operators, routers and servers', () => {
    expect(new Set(pods.map(([, workload]) => componentOf(workload)))).toEqual(new Set(['operator', 'router', 'server']));
  });

  it.each(pods)('%s: not as root, seccomp RuntimeDefault, nothing of the host', (_name, { spec: { template: { spec } } }) => {
    expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    expect([spec.hostNetwork, spec.hostPID, spec.hostIPC]).toEqual([undefined, undefined, undefined]);
    expect((spec.volumes ?? []).filter((volume) => 'hostPath' in volume)).toEqual([]);
  });

  it.each(pods)('%s: containers drop all capabilities and gain nothing; those of ours have a read-only root', (_name, { spec: { template: { spec } } }) => {
    const containers = [...(spec.initContainers ?? []), ...spec.containers];
    for (const container of containers) {
      expect(container.securityContext, container.name).toMatchObject({ allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } });
      expect([container.securityContext?.privileged, container.securityContext?.capabilities?.add]).toEqual([undefined, undefined]);
      if (isOurs(container)) expect(container.securityContext?.readOnlyRootFilesystem, container.name).toBe(true);
    }
    expect(containers.some(isOurs)).toBe(true);
  });

  it.each(pods.filter(([, workload]) => componentOf(workload) === 'server'))('%s: a serving pod has no token', (_name, { spec: { template: { spec } } }) => {
    expect(spec.automountServiceAccountToken).toBe(false);
    expect((spec.volumes ?? []).filter((volume) => JSON.stringify(volume).includes('serviceAccountToken'))).toEqual([]);
  });
});
