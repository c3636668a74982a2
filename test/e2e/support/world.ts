// Owns the tests' hands on the cluster that global-setup.ts brought up: kubectl, namespaces, waiting, and the network inside.
// Every namespace enforces Pod Security `restricted`.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { InferenceService } from '@slipway/api';
import { inject } from 'vitest';
import { Load } from '../../support/load/load.ts';
import type { LoadOptions } from '../../support/load/protocol.ts';
import type { Image } from '../../../tools/cluster/cluster.ts';
import { loadImages } from '../../../tools/cluster/local/services.ts';
import { describe, isTrue } from './isvc.ts';
import type { Pod } from './processes.ts';
import { until } from './until.ts';

const run = promisify(execFile);
const MAX_OUTPUT = 64 * 1024 * 1024;

export interface ClusterAccess {
  /** Id of the local cluster. */
  id: string;
  kubeconfig: string;
  kubectl: string;
  helm: string;
  registry: string;
  /** Command that enters the cluster's network namespace. */
  inside: string[];
  chart: string;
  release: string;
  releaseNamespace: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    cluster: ClusterAccess;
  }
}

type Json = Record<string, unknown>;

export class World {
  readonly access: ClusterAccess = inject('cluster');

  async kubectl(...args: string[]): Promise<string> {
    return await this.#tool(this.access.kubectl, args);
  }

  async helm(...args: string[]): Promise<string> {
    return await this.#tool(this.access.helm, args);
  }

  /** Runs a command inside the cluster's network namespace. */
  async inside(...command: string[]): Promise<string> {
    const [program, ...args] = [...this.access.inside, ...command];
    return (await run(program ?? '', args, { maxBuffer: MAX_OUTPUT })).stdout;
  }

  async apply(...objects: Json[]): Promise<void> {
    const child = run(this.access.kubectl, ['--kubeconfig', this.access.kubeconfig, 'apply', '-f', '-'], { maxBuffer: MAX_OUTPUT });
    child.child.stdin?.end(objects.map((object) => JSON.stringify(object)).join('\n---\n'));
    await child;
  }

  async get<T = Json>(kind: string, name: string, namespace: string): Promise<T> {
    return JSON.parse(await this.kubectl('get', kind, name, '-n', namespace, '-o', 'json')) as T;
  }

  async list<T = Json>(kind: string, namespace: string, ...more: string[]): Promise<T[]> {
    return (JSON.parse(await this.kubectl('get', kind, '-n', namespace, '-o', 'json', ...more)) as { items: T[] }).items;
  }

  async isvc(name: string, namespace: string): Promise<InferenceService> {
    return await this.get<InferenceService>('isvc', name, namespace);
  }

  async namespace(name: string): Promise<string> {
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted', 'pod-security.kubernetes.io/enforce-version': 'latest' };
    await this.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
    return name;
  }

  async deleteNamespace(name: string): Promise<void> {
    await this.kubectl('delete', 'namespace', name, '--wait=true', '--timeout=120s', '--ignore-not-found');
  }

  /** Waits until the InferenceService answers `test` with true; a failure tells its whole status. */
  async isvcUntil(what: string, name: string, namespace: string, test: (isvc: InferenceService) => boolean, timeoutMs = 150_000): Promise<InferenceService> {
    let last = '';
    try {
      return await until(
        what,
        async () => {
          const isvc = await this.isvc(name, namespace);
          last = describe(isvc);
          return test(isvc) ? isvc : undefined;
        },
        { timeoutMs },
      );
    } catch {
      throw new Error(`waited in vain until ${name} is ${what}; it is ${last}`);
    }
  }

  /** Ready at the present generation, with the spec's revision as the stable one. */
  async healthy(name: string, namespace: string, timeoutMs?: number): Promise<InferenceService> {
    return await this.isvcUntil('Ready and RolledOut', name, namespace, (isvc) => isTrue(isvc, 'Ready') && isTrue(isvc, 'RolledOut') && isvc.status?.phase === 'Healthy', timeoutMs);
  }

  /** Pods of the operator that run. */
  async operators(): Promise<Pod[]> {
    return await this.list<Pod>('pods', this.access.releaseNamespace, '-l', 'app.kubernetes.io/component=operator', '--field-selector', 'status.phase=Running');
  }

  /** The operator pod that holds the Lease; throws if none does. */
  async leader(): Promise<Pod> {
    const leases = await this.list<{ spec: { holderIdentity?: string } }>('lease', this.access.releaseNamespace);
    const holders = leases.map((lease) => lease.spec.holderIdentity ?? '');
    const leader = (await this.operators()).find((pod) => holders.includes(pod.metadata.name));
    if (leader === undefined) throw new Error(`no pod holds the lease (${holders.join(', ')})`);
    return leader;
  }

  /** `http://ADDRESS:PORT` of a Service, as it is reached from inside the network namespace. */
  async clusterIp(service: string, namespace: string, port = 80): Promise<string> {
    const found = await this.get<{ spec: { clusterIP: string } }>('service', service, namespace);
    return `http://${found.spec.clusterIP}:${port}`;
  }

  /** Sends one JSON request from inside; returns status, headers and the parsed body. */
  async post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<{ status: number; headers: Record<string, string>; body: Json }> {
    const extra = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
    const text = await this.inside('curl', '-sS', '-m', '20', '-i', '-X', 'POST', '-H', 'content-type: application/json', ...extra, '-d', JSON.stringify(body), url);
    const [head = '', ...rest] = text.split('\r\n\r\n');
    const [statusLine = '', ...lines] = head.split('\r\n');
    const pairs = lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()] as const);
    return { status: Number(statusLine.split(' ')[1]), headers: Object.fromEntries(pairs), body: JSON.parse(rest.join('\r\n\r\n')) as Json };
  }

  /** Imports images that only a test needs. */
  async loadImages(images: readonly Image[]): Promise<void> {
    await loadImages(this.access.id, images, { report: (line) => void process.stderr.write(`${line}\n`) });
  }

  /** Starts a load once the Service leads somewhere: the node's proxy learns of a new Service a moment after the API server does. */
  async load(options: LoadOptions): Promise<Load> {
    await until(`${options.url} answers`, async () => (await this.post(options.url + options.path, options.body)).status === 200);
    return await Load.start(this.access.inside, options);
  }

  async #tool(program: string, args: string[]): Promise<string> {
    return (await run(program, ['--kubeconfig', this.access.kubeconfig, ...args], { maxBuffer: MAX_OUTPUT })).stdout;
  }
}
