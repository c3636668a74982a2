// Which kind of cluster is used: a pure choice from what was found out about the machine. Finding out is choose.ts's.

/** What was found out. */
export interface Facts {
  readonly context: string | undefined;
  readonly registry: string | undefined;
  readonly docker: 'running' | 'stopped' | 'missing';
  readonly kind: boolean;
  readonly platform: NodeJS.Platform;
  readonly root: boolean;
  readonly go: boolean;
  /** A local cluster of that id was made earlier. */
  readonly made: boolean;
}

/** A kind of cluster and why it was chosen, or what every kind lacks, one line for each thing. */
export type Decision =
  | { readonly kind: 'context'; readonly context: string; readonly registry: string; readonly why: string }
  | { readonly kind: 'kind' | 'local'; readonly why: string }
  | { readonly kind: 'none'; readonly missing: readonly string[] };

const INSTALL_KIND = 'go install sigs.k8s.io/kind@v0.30.0 (or see https://kind.sigs.k8s.io/docs/user/quick-start/#installation)';
const INSTALL_GO = 'curl -fsSL https://go.dev/dl/go1.26.8.linux-amd64.tar.gz | tar -C /usr/local -xz (on arm64: go1.26.8.linux-arm64.tar.gz)';
const INSTALL_DOCKER = 'see https://docs.docker.com/engine/install/';
const START_DOCKER = 'systemctl start docker';

/**
 * The user's own cluster if they name one, else kind if Docker runs, else a local Kubernetes without Docker. One that was made
 * earlier stays the choice, or starting Docker would hide it from the command that removes it.
 */
export function decide(facts: Facts): Decision {
  if (facts.context !== undefined) return ownCluster(facts, facts.context);
  if (facts.made) return { kind: 'local', why: 'it was made here earlier (npm stop removes it)' };
  if (facts.docker === 'running' && facts.kind) return { kind: 'kind', why: 'Docker runs and kind is installed' };
  const lacking = localLacks(facts);
  if (lacking.length === 0) return { kind: 'local', why: `${withoutKind(facts)}; running as root with Go` };
  return { kind: 'none', missing: [...kindLacks(facts), ...lacking, 'your own cluster: export SLIPWAY_CONTEXT=<kube context> SLIPWAY_REGISTRY=<registry>/<path>'] };
}

function ownCluster({ registry, docker }: Facts, context: string): Decision {
  const missing: string[] = [];
  if (registry === undefined) {
    missing.push(`SLIPWAY_CONTEXT=${context} needs a registry that you can push to and the cluster can pull from: export SLIPWAY_REGISTRY=<registry>/<path>`);
  }
  if (docker !== 'running') missing.push(`SLIPWAY_CONTEXT=${context} needs Docker to build and push images: ${dockerAdvice(docker)}`);
  if (registry === undefined || missing.length > 0) return { kind: 'none', missing };
  return { kind: 'context', context, registry, why: `SLIPWAY_CONTEXT names it; images go to ${registry}` };
}

function withoutKind({ docker }: Facts): string {
  if (docker === 'running') return 'Docker runs, but kind is not installed';
  return docker === 'stopped' ? 'Docker is installed but does not run' : 'no Docker found';
}

function kindLacks({ docker, kind }: Facts): string[] {
  const lacks = docker === 'running' ? [] : [`kind: Docker ${docker === 'stopped' ? 'does not run' : 'is missing'}: ${dockerAdvice(docker)}`];
  return kind ? lacks : [...lacks, `kind: the kind command is missing: ${INSTALL_KIND}`];
}

function localLacks({ platform, root, go }: Facts): string[] {
  if (platform !== 'linux') return ['a local Kubernetes without Docker: needs Linux'];
  return [
    ...(root ? [] : ['a local Kubernetes without Docker: needs root: run the command again with sudo -E']),
    ...(go ? [] : [`a local Kubernetes without Docker: Go is missing: ${INSTALL_GO}`]),
  ];
}

function dockerAdvice(docker: Facts['docker']): string {
  return docker === 'stopped' ? START_DOCKER : INSTALL_DOCKER;
}
