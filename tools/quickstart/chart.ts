// Installs, upgrades and removes the Helm release of this checkout. It must not know what kind of cluster it is.
import path from 'node:path';
import type { Note } from '../progress.ts';
import type { ImageName } from '../images/spec.ts';
import type { ClusterPrograms } from './programs.ts';

export const RELEASE = 'slipway';
export const RELEASE_NAMESPACE = 'slipway-system';
const WAIT = '5m';

/** Arguments of the helm command that installs or upgrades to these images. */
export function upgradeArguments(chart: string, refs: Readonly<Record<ImageName, string>>): string[] {
  const images = Object.entries(refs).flatMap(([name, ref]) => ['--set-string', `images.${name}=${ref}`]);
  return ['upgrade', '--install', RELEASE, chart, '--namespace', RELEASE_NAMESPACE, '--create-namespace', '--reset-values', ...images, '--wait', '--timeout', WAIT];
}

/** Installs or upgrades the release and waits until the operator is ready. Returns what helm says about it, in a few words. */
export async function installChart(root: string, refs: Readonly<Record<ImageName, string>>, programs: ClusterPrograms, note: Note): Promise<string> {
  await forgetInterrupted(programs);
  note('helm upgrade --install, waiting for the operator');
  const output = await programs.helm(upgradeArguments(path.join(root, 'charts', 'slipway'), refs));
  const revision = /^REVISION: (\d+)$/m.exec(output)?.[1] ?? '?';
  return `${RELEASE} in namespace ${RELEASE_NAMESPACE}, release revision ${revision}`;
}

/** Removes the release; what it left on purpose (the CRD and every InferenceService) stays. */
export async function uninstallChart(programs: ClusterPrograms): Promise<void> {
  await programs.helm(['uninstall', RELEASE, '--namespace', RELEASE_NAMESPACE, '--ignore-not-found', '--wait', '--timeout', WAIT]);
  await programs.kubectl(['delete', 'namespace', RELEASE_NAMESPACE, '--ignore-not-found', '--timeout', WAIT]);
}

/** An interrupted helm leaves a release that waits for itself for ever; its record is of no use to anyone. */
async function forgetInterrupted({ kubectl }: ClusterPrograms): Promise<void> {
  const selector = `owner=helm,name=${RELEASE},status in (pending-install,pending-upgrade,pending-rollback)`;
  await kubectl(['delete', 'secret', '--namespace', RELEASE_NAMESPACE, '--selector', selector]);
}
