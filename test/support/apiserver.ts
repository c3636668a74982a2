// A real control plane without a node for tests: etcd and kube-apiserver on free ports of 127.0.0.1, up in a few seconds.
// No controllers run: nothing schedules pods, collects garbage or fills in status. Ends with the process that started it,
// whatever becomes of that. It must not know what is tested.
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { exec } from '../../tools/exec.ts';
import { ensurePrograms } from '../../tools/cluster/binaries.ts';
import { identify } from '../../tools/cluster/processes.ts';
import { until } from '../../tools/cluster/wait.ts';
import { freePort } from '../../tools/free-port.ts';

/** A running API server. */
export interface ApiServer {
  /** Base URL, without a trailing slash. */
  readonly url: string;
  /** PEM of the certificate that the API server shows. */
  readonly ca: string;
  /** Bearer token of a cluster administrator. */
  readonly token: string;
  /** Path of a kubeconfig of the administrator. */
  readonly kubeconfig: string;
  /** Folder with the logs (apiserver.log, etcd.log); gone after `stop`. */
  readonly folder: string;
  /** Runs kubectl as the administrator; resolves with its output. */
  kubectl(...args: string[]): Promise<string>;
  /** Kills one of the two processes with no chance to clean up. */
  kill(name: ProcessName): Promise<void>;
  /** Starts it again on its port, over its data; resolves when the API server is ready. */
  revive(name: ProcessName): Promise<void>;
  /** Ends both processes and removes their data. May be called twice. */
  stop(): Promise<void>;
}

export type ProcessName = 'etcd' | 'apiserver';

export interface ApiServerOptions {
  /** More flags of kube-apiserver. */
  readonly flags?: readonly string[];
}

const READY_MS = 60_000;
const KUBECTL_MS = 60_000;
/** The kernel ends the child with its parent, even if that one is killed with no chance to clean up. */
const WITH_PARENT: readonly [string, ...string[]] = ['setpriv', '--pdeathsig', 'KILL', '--'];
const PREFIX = 'slipway-apiserver-';
/** A free port may be taken by somebody else before it is used. */
const ATTEMPTS = 3;

/** Starts an API server. Throws an Error with the end of its log if it does not become ready. */
export async function startApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
  const { kube } = await ensurePrograms(['kube'], { report: (line) => console.error(line) });
  removeAbandoned();
  for (let attempt = 1; ; attempt++) {
    const server = await start(kube, options);
    try {
      await untilReady(server);
      return server;
    } catch (error) {
      await server.stop();
      if (attempt === ATTEMPTS) throw error;
    }
  }
}

type Started = ApiServer & { readonly processes: Readonly<Record<ProcessName, ChildProcess>> };

async function start(kube: string, options: ApiServerOptions): Promise<Started> {
  const folder = mkdtempSync(path.join(tmpdir(), `${PREFIX}${process.pid}-`));
  const token = randomBytes(16).toString('hex');
  const [port, etcdPort, peerPort] = [await freePort(), await freePort(), await freePort()];
  writeFileSync(path.join(folder, 'tokens.csv'), `${token},admin,admin,system:masters\n`);
  await exec(['openssl', 'ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', path.join(folder, 'service-accounts.key')], { timeoutMs: 10_000 });
  const commands = {
    etcd: [kube, 'etcd', ...etcdFlags(folder, etcdPort, peerPort)],
    apiserver: [kube, 'kube-apiserver', ...apiServerFlags(folder, port, etcdPort), ...(options.flags ?? [])],
  };
  const processes = { etcd: run(folder, 'etcd', commands.etcd), apiserver: run(folder, 'apiserver', commands.apiserver) };
  const end = (): void => {
    Object.values(processes).forEach((each) => each.kill('SIGKILL'));
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  process.once('exit', end);
  const kubeconfig = path.join(folder, 'kubeconfig');
  const started: Started = {
    url: `https://127.0.0.1:${port}`,
    token,
    kubeconfig,
    folder,
    processes,
    get ca() { return readFileSync(path.join(folder, 'certificates', 'apiserver.crt'), 'utf8'); },
    kubectl: (...args) => exec([kube, 'kubectl', `--kubeconfig=${kubeconfig}`, ...args], { timeoutMs: KUBECTL_MS }),
    kill: (name) => killed(processes[name]),
    revive: async (name) => {
      processes[name] = run(folder, name, commands[name]);
      await untilReady(started);
    },
    stop: async () => {
      process.off('exit', end);
      await Promise.all(Object.values(processes).map(killed));
      end();
    },
  };
  return started;
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

function run(folder: string, name: string, command: readonly string[]): ChildProcess {
  const log = openSync(path.join(folder, `${name}.log`), 'a');
  try {
    const [file, ...args] = [...WITH_PARENT, ...command] as const;
    return spawn(file, args, { cwd: folder, stdio: ['ignore', log, log] });
  } finally {
    closeSync(log);
  }
}

function etcdFlags(folder: string, port: number, peerPort: number): string[] {
  const url = `http://127.0.0.1:${port}`;
  return [
    '--data-dir', path.join(folder, 'etcd'), '--listen-client-urls', url, '--advertise-client-urls', url,
    '--listen-peer-urls', `http://127.0.0.1:${peerPort}`, '--unsafe-no-fsync', '--log-level', 'error',
  ];
}

function apiServerFlags(folder: string, port: number, etcdPort: number): string[] {
  const key = path.join(folder, 'service-accounts.key');
  return [
    `--etcd-servers=http://127.0.0.1:${etcdPort}`, '--bind-address=127.0.0.1', '--advertise-address=127.0.0.1', `--secure-port=${port}`,
    // Endpoints of the API server itself would have to be an address that is not loopback.
    '--endpoint-reconciler-type=none', '--service-cluster-ip-range=10.0.0.0/24', `--cert-dir=${path.join(folder, 'certificates')}`,
    '--authorization-mode=RBAC', `--token-auth-file=${path.join(folder, 'tokens.csv')}`, '--service-account-issuer=https://localhost',
    `--service-account-key-file=${key}`, `--service-account-signing-key-file=${key}`,
    // Without its controller no namespace has a service account, and every pod would be refused.
    '--disable-admission-plugins=ServiceAccount', '--allow-privileged=true',
  ];
}

async function untilReady(server: Started): Promise<void> {
  const otherwise = (): string => `the API server is not ready; the end of its log:\n${readFileSync(path.join(server.folder, 'apiserver.log'), 'utf8').slice(-2000)}`;
  await until(async () => {
    if (Object.values(server.processes).some((each) => each.exitCode !== null)) throw new Error(otherwise());
    return existsSync(path.join(server.folder, 'certificates', 'apiserver.crt')) && (await answersReady(server));
  }, { timeoutMs: READY_MS, everyMs: 50, otherwise });
  writeKubeconfig(server);
}

function answersReady({ url, token, ca }: ApiServer): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const sent = request(`${url}/readyz`, { ca, agent: false, timeout: 2_000, headers: { authorization: `Bearer ${token}` } }, (response) => {
    response.resume();
    resolve(response.statusCode === 200);
  });
  sent.on('timeout', () => sent.destroy());
  sent.on('error', () => resolve(false));
  sent.on('close', () => resolve(false));
  sent.end();
  return promise;
}

function writeKubeconfig({ url, ca, token, kubeconfig }: ApiServer): void {
  const cluster = { server: url, 'certificate-authority-data': Buffer.from(ca).toString('base64') };
  const context = { cluster: 'test', user: 'admin', namespace: 'default' };
  writeFileSync(kubeconfig, JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster }],
    users: [{ name: 'admin', user: { token } }],
    contexts: [{ name: 'test', context }],
    'current-context': 'test',
  }), { mode: 0o600 });
}

/** Removes the folders of test runs that were killed. */
function removeAbandoned(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = name.startsWith(PREFIX) ? Number(name.slice(PREFIX.length).split('-')[0]) : process.pid;
    if (identify(pid) === undefined) rmSync(path.join(tmpdir(), name), { recursive: true, force: true });
  }
}
