// The cluster's network and mount namespaces, held open by one idle process (the anchor), and ways to run things in them.
// Nothing in them can reach or be reached from beyond the machine: no interface leaves the network namespace, and mounts
// made inside vanish with the last process. It must not know which programs make up a cluster.
import { spawn } from 'node:child_process';
import { openSync, closeSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { exec } from '../../exec.ts';
import { identify, type ProcessId } from '../processes.ts';
import { until } from '../wait.ts';
import { KERNEL_SETTINGS } from './configuration.ts';
import { joinFile } from './control-groups.ts';
import { NETWORK, type Layout } from './layout.ts';
import { PRIVATE_FOLDERS } from './private-folders.ts';

/** Which namespaces of the cluster a process enters. */
export interface Into {
  readonly network?: boolean;
  readonly mounts?: boolean;
}

const START_MS = 10_000;
const SETUP_MS = 20_000;

/** Daemons see a plain environment, whoever calls: the same start has the same result. */
const DAEMON_ENV = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', LANG: 'C.UTF-8' };

/** A command line that runs `command` inside the namespaces that the anchor holds. */
export function entering(anchor: ProcessId, into: Into, command: readonly string[]): [string, ...string[]] {
  const flags = [...(into.mounts ? ['--mount'] : []), ...(into.network ? ['--net'] : [])];
  return ['nsenter', '--target', String(anchor.pid), ...flags, '--', ...command];
}

/** How a process is started. */
export interface Start {
  readonly command: readonly string[];
  /** The control group it joins before its first instruction. */
  readonly controlGroup: string;
  readonly logFile: string;
  /** Starts it again whenever it ends, and says so in the log. */
  readonly again?: boolean;
}

/** Begins the line that a log gets when its process has ended and is started again. */
export const ENDED = 'slipway: ended';

const ONCE = 'echo $$ > "$0" && exec "$@"';
const AGAIN = `echo $$ > "$0" && while :; do "$@"; echo "${ENDED} with $?, starting it again"; sleep 1; done`;

/** Starts a process that outlives this one, with its output in a file, and returns its identity. */
export function startDaemon({ command, controlGroup, logFile, again = false }: Start): ProcessId {
  const log = openSync(logFile, 'a', 0o600);
  try {
    const child = spawn('/bin/sh', ['-c', again ? AGAIN : ONCE, joinFile(controlGroup), ...command], {
      cwd: '/',
      detached: true,
      env: DAEMON_ENV,
      stdio: ['ignore', log, log],
    });
    child.unref();
    const process = child.pid === undefined ? undefined : identify(child.pid);
    if (process === undefined) throw new Error(`cannot start ${command.join(' ')}; see ${logFile}`);
    return process;
  } finally {
    closeSync(log);
  }
}

/** Starts the process that holds the namespaces; they are empty until `furnish`. */
export async function startAnchor(pause: string, controlGroup: string, logFile: string): Promise<ProcessId> {
  // Mounts of the machine stay visible inside, also later ones; ours stay invisible outside.
  const command = ['unshare', '--mount', '--net', '--propagation', 'slave', '--', pause];
  const anchor = startDaemon({ command, controlGroup, logFile });
  await until(() => isInside(anchor, pause), { timeoutMs: START_MS, everyMs: 5, otherwise: () => `the cluster's namespaces cannot be made; see ${logFile}` });
  return anchor;
}

function isInside(anchor: ProcessId, pause: string): boolean {
  try {
    return readlinkSync(`/proc/${anchor.pid}/exe`) === pause;
  } catch {
    if (identify(anchor.pid) === undefined) throw new Error('unshare failed: making a network namespace needs root with CAP_SYS_ADMIN and CAP_NET_ADMIN');
    return false;
  }
}

/** Puts into fresh namespaces what the cluster needs there: private folders, kernel settings, the node's address. */
export async function furnish(anchor: ProcessId, layout: Layout): Promise<void> {
  const bind = (source: string, target: string): string => `mount --bind ${quote(source)} ${quote(target)}`;
  const script = [
    'set -e',
    'mount --make-rshared /',
    ...Object.entries(PRIVATE_FOLDERS).map(([outside, inside]) => bind(path.join(layout.folder, inside), outside)),
    ...Object.keys(KERNEL_SETTINGS).map((name) => bind(path.join(layout.config, 'sys', name), `/proc/sys/${name}`)),
    'ip link set lo up',
    // Both ends of the pair stay inside: an address that is not loopback, on any kernel, leading nowhere.
    'ip link add node0 type veth peer name node1',
    `ip address add ${NETWORK.node}/${NETWORK.nodePrefix} dev node0`,
    'ip link set node0 up',
    'ip link set node1 up',
    'ip route add default dev node0',
    'echo 1 > /proc/sys/net/ipv4/ip_forward',
  ].join('\n');
  await exec(entering(anchor, { network: true, mounts: true }, ['/bin/sh', '-c', script]), { env: DAEMON_ENV, timeoutMs: SETUP_MS });
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
