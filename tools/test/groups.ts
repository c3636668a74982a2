// The groups of `npm test`, in the order they run: quick and telling ones first. A table; how a group runs is elsewhere.
import type { ProgramName } from '../cluster/programs.ts';

/** One group of tests or one check. */
export interface Group {
  readonly name: string;
  /** For --help. */
  readonly about: string;
  /** A check is an npm script that passes or fails; tests are a vitest project that counts. */
  readonly kind: 'check' | 'tests';
  /** What must be set up before it. */
  readonly needs: { readonly tensorflow?: boolean; readonly clients?: boolean; readonly images?: boolean; readonly programs?: readonly ProgramName[] };
  /** Longest run, minutes; then it is stopped and counts as failed. */
  readonly minutes: number;
}

const CLUSTER: readonly ProgramName[] = ['pause', 'kube', 'coredns', 'helm'];

export const GROUPS: readonly Group[] = [
  { name: 'verify', about: 'generated files are what their sources generate', kind: 'check', needs: {}, minutes: 5 },
  { name: 'types', about: 'TypeScript, strict', kind: 'check', needs: {}, minutes: 5 },
  { name: 'lint', about: 'ESLint with types, size caps, purity', kind: 'check', needs: {}, minutes: 10 },
  { name: 'layers', about: 'who may import whom', kind: 'check', needs: {}, minutes: 5 },
  { name: 'deadcode', about: 'unused files, exports and dependencies', kind: 'check', needs: {}, minutes: 5 },
  { name: 'audit', about: 'known vulnerabilities of dependencies, where the registry tells them', kind: 'check', needs: {}, minutes: 5 },
  { name: 'unit', about: 'tests beside the source', kind: 'tests', needs: { tensorflow: true }, minutes: 20 },
  { name: 'sim', about: 'rollouts simulated to convergence', kind: 'tests', needs: {}, minutes: 15 },
  { name: 'server', about: 'the server over real TensorFlow, downloads over a real S3', kind: 'tests', needs: { tensorflow: true, programs: ['minio'] }, minutes: 30 },
  { name: 'clients', about: 'public Python clients against the server', kind: 'tests', needs: { tensorflow: true, clients: true }, minutes: 20 },
  { name: 'cluster', about: 'a real API server and etcd', kind: 'tests', needs: { programs: ['kube'] }, minutes: 30 },
  {
    name: 'e2e',
    about: 'a real node: releases under load, the chart, Prometheus',
    kind: 'tests',
    needs: { tensorflow: true, images: true, programs: [...CLUSTER, 'minio', 'prometheus', 'prometheus-operator', 'prometheus-config-reloader', 'kwok', 'kube-router'] },
    minutes: 60,
  },
];

/** The groups with these names in the order of the table; all of them for no names. Throws naming the unknown one. */
export function chooseGroups(names: readonly string[]): Group[] {
  const unknown = names.find((name) => !GROUPS.some((group) => group.name === name));
  if (unknown !== undefined) throw new Error(`no group "${unknown}"; there are ${GROUPS.map((group) => group.name).join(', ')}`);
  return GROUPS.filter((group) => names.length === 0 || names.includes(group.name));
}
