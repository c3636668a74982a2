// The user's own cluster, named by SLIPWAY_CONTEXT, as a Cluster: images are pushed to SLIPWAY_REGISTRY, Services are
// reached by kubectl port-forward. The cluster itself is never made or removed; only the forwards started here end.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { cacheRoot } from '../cache.ts';
import { exec } from '../exec.ts';
import type { BuildOptions } from './binaries.ts';
import { usersClients } from './clients.ts';
import type { Cluster, ServicePort } from './cluster.ts';
import { identify, isRunning, signal as send, type ProcessId } from './processes.ts';
import { until } from './wait.ts';

const SHORT_MS = 60_000;
const PUSH_MS = 10 * 60_000;
const FORWARD_MS = 30_000;

interface Forward extends ProcessId { readonly url: string }

/** The cluster of a context; nothing happens before one of its methods is called. */
export function contextCluster({ context, registry, why }: { context: string; registry: string; why: string }, options: BuildOptions): Cluster {
  const folder = path.join(cacheRoot(), 'contexts', context.replaceAll(/[^\w.-]/g, '_'));
  const kubeconfig = path.join(folder, 'kubeconfig');
  return {
    kind: 'context',
    why,
    kubeconfig,
    registry,
    images: 'docker',
    clients: () => usersClients(options),
    up: async () => {
      const { kubectl } = await usersClients(options);
      const text = await exec([kubectl, 'config', 'view', '--minify', '--flatten', `--context=${context}`], { timeoutMs: SHORT_MS });
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      writeFileSync(kubeconfig, text, { mode: 0o600 });
      await exec([kubectl, `--kubeconfig=${kubeconfig}`, 'get', '--raw=/readyz'], { timeoutMs: SHORT_MS });
    },
    down: () => {
      Object.values(readForwards(folder)).forEach((forward) => send(forward, 'SIGTERM'));
      rmSync(folder, { recursive: true, force: true });
      return Promise.resolve();
    },
    loadImages: async (images) => {
      for (const { ref } of images) await exec(['docker', 'push', ref], { timeoutMs: PUSH_MS });
    },
    expose: async (service) => {
      const { kubectl } = await usersClients(options);
      return expose({ folder, kubectl, kubeconfig }, service);
    },
    inNetwork: () => {
      throw new Error(`the network of ${context} cannot be entered from here: use kubectl run or kubectl exec`);
    },
  };
}

interface Place { folder: string; kubectl: string; kubeconfig: string }

async function expose({ folder, kubectl, kubeconfig }: Place, { namespace, name, port }: ServicePort): Promise<string> {
  const key = `${namespace}-${name}-${port}`;
  const forwards = readForwards(folder);
  const known = forwards[key];
  if (known !== undefined && isRunning(known)) return known.url;
  const logFile = path.join(folder, `${key}.log`);
  const log = openSync(logFile, 'w', 0o600);
  const child = spawn(kubectl, [`--kubeconfig=${kubeconfig}`, `--namespace=${namespace}`, 'port-forward', '--address=127.0.0.1', `service/${name}`, `:${port}`], { detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  child.unref();
  const url = await until(() => forwardedUrl(readFileSync(logFile, 'utf8')), { timeoutMs: FORWARD_MS, otherwise: () => `no port-forward to ${key}; see ${logFile}` });
  const process = child.pid === undefined ? undefined : identify(child.pid);
  if (process === undefined) throw new Error(`the port-forward to ${key} ended; see ${logFile}`);
  writeFileSync(path.join(folder, 'forwards.json'), JSON.stringify({ ...forwards, [key]: { ...process, url } }));
  return url;
}

/** Reads what kubectl port-forward says once it listens. */
function forwardedUrl(log: string): string | undefined {
  const port = /Forwarding from 127\.0\.0\.1:(\d+)/.exec(log)?.[1];
  return port === undefined ? undefined : `http://127.0.0.1:${port}`;
}

function readForwards(folder: string): Record<string, Forward> {
  try {
    return JSON.parse(readFileSync(path.join(folder, 'forwards.json'), 'utf8')) as Record<string, Forward>;
  } catch {
    return {};
  }
}
