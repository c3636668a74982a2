// The programs that a cluster and its tests run, each built from a Go module under go/ whose go.mod and go.sum pin every
// byte of source. A table and its fingerprint: how they are built is binaries.ts, what runs them is elsewhere.
import { createHash } from 'node:crypto';

/** One executable. */
export interface Program {
  /** Folder under go/ with go.mod and go.sum (and main.go where the program is put together here). */
  readonly module: string;
  /** Go package that is built, as seen from the module. */
  readonly package: string;
  readonly version: string;
  readonly tags: readonly string[];
  readonly ldflags: readonly string[];
  /** What a first build takes on two cores, for the person who waits. */
  readonly takes: string;
}

const STRIPPED = ['-s', '-w'];
export const KUBERNETES_VERSION = 'v1.34.4';

export const PROGRAMS = {
  pause: { module: 'pause', package: '.', version: '1', tags: [], ldflags: STRIPPED, takes: 'seconds' },
  kube: {
    module: 'kube',
    package: '.',
    version: KUBERNETES_VERSION,
    tags: ['selinux', 'grpcnotrace'],
    // Without its version a component calls itself v0.0.0-master, and charts that ask for a kubeVersion refuse it.
    ldflags: [
      ...STRIPPED,
      `-X k8s.io/component-base/version.gitVersion=${KUBERNETES_VERSION}`,
      '-X k8s.io/component-base/version.gitMajor=1',
      '-X k8s.io/component-base/version.gitMinor=34',
    ],
    takes: 'about 7 minutes',
  },
  coredns: { module: 'coredns', package: '.', version: 'v1.14.3', tags: [], ldflags: STRIPPED, takes: 'about 1 minute' },
  helm: {
    module: 'helm',
    package: 'helm.sh/helm/v3/cmd/helm',
    version: 'v3.19.5',
    tags: [],
    // Helm renders for the Kubernetes it was built against unless told otherwise, and takes that version from here.
    ldflags: [
      ...STRIPPED,
      '-X helm.sh/helm/v3/internal/version.version=v3.19.5',
      '-X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor=1',
      '-X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor=34',
      '-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1',
      '-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=34',
    ],
    takes: 'about 2 minutes',
  },
  prometheus: {
    module: 'prometheus',
    package: 'github.com/prometheus/prometheus/cmd/prometheus',
    version: 'v3.13.3',
    tags: ['remove_all_sd', 'enable_kubernetes_sd'],
    ldflags: STRIPPED,
    takes: 'about 3 minutes',
  },
  'prometheus-operator': {
    module: 'prometheus-operator',
    package: 'github.com/prometheus-operator/prometheus-operator/cmd/operator',
    version: 'v0.85.0',
    tags: [],
    ldflags: STRIPPED,
    takes: 'about 3 minutes',
  },
  'prometheus-config-reloader': {
    module: 'prometheus-operator',
    package: 'github.com/prometheus-operator/prometheus-operator/cmd/prometheus-config-reloader',
    version: 'v0.85.0',
    tags: [],
    ldflags: STRIPPED,
    takes: 'about 1 minute',
  },
  minio: {
    module: 'minio',
    package: 'github.com/minio/minio',
    version: '2026-02-12',
    tags: [],
    ldflags: STRIPPED,
    takes: 'about 3 minutes',
  },
  'kube-router': {
    module: 'kube-router',
    package: 'github.com/cloudnativelabs/kube-router/v2/cmd/kube-router',
    version: 'v2.1.0',
    tags: [],
    ldflags: STRIPPED,
    takes: 'about 3 minutes',
  },
  kwok: { module: 'kwok', package: 'sigs.k8s.io/kwok/cmd/kwok', version: 'v0.7.0', tags: [], ldflags: STRIPPED, takes: 'about 3 minutes' },
} as const satisfies Record<string, Program>;

export type ProgramName = keyof typeof PROGRAMS;

/** Everything that running a local cluster and installing into it needs; what is beyond it is built for tests only. */
export const CLUSTER_PROGRAMS: readonly ProgramName[] = ['pause', 'kube', 'coredns', 'helm'];

/** Arguments of `go` that build a program into the file `output`. */
export function buildArguments(program: Program, output: string): string[] {
  const tags = program.tags.length === 0 ? [] : ['-tags', program.tags.join(' ')];
  return ['build', '-trimpath', ...tags, '-ldflags', program.ldflags.join(' '), '-o', output, program.package];
}

/**
 * Name of a program's folder in the cache: readable, and different whenever a source, a pin or a flag is.
 * `sources` maps the module's file names to their content.
 */
export function cacheName(name: string, program: Program, sources: ReadonlyMap<string, string>): string {
  const hash = createHash('sha256').update(JSON.stringify(buildArguments(program, '')));
  for (const [file, text] of [...sources].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`\0${file}\0${text}`);
  }
  return `${name}-${program.version}-${hash.digest('hex').slice(0, 12)}`;
}
