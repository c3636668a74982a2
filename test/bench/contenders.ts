// Owns who takes part: how each server is started with a model, and what it is sent over each wire. Must not know how it is measured.
import { availableParallelism } from 'node:os';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { ensureEnvironment, type EnvironmentName } from '../../tools/clients/environments.ts';
import { exec } from '../../tools/exec.ts';
import { freePort } from '../../tools/free-port.ts';
import { answersAt, start, type Started } from './processes.ts';
import { bentoRequest, nativeRequest, servingRequest, v2Request, type Request, type Wire, type Work } from './requests.ts';

export interface Served extends Started {
  port: number;
  grpcPort: number;
}

export interface Task {
  work: Work;
  /** File of an ONNX model, else the folder of a package. */
  model: string;
  /** A folder for what a server wants on disk. */
  scratch: string;
  /** Threads inside one operation. */
  threads: number;
}

export interface Contender {
  name: string;
  /** What it is, for the legend. */
  what: string;
  serve(task: Task): Promise<Served>;
  /** Undefined where it does not speak the wire. */
  request(work: Work, wire: Wire): Request | undefined;
}

const HERE = import.meta.dirname;
const SERVER = path.resolve(HERE, '..', '..', 'server', 'src');
/** Floors that use the server's own dependencies. */
const FLOORS = path.resolve(SERVER, '..', 'bench');
const source = (...names: string[]): string => path.join(HERE, ...names);
const PEER_START_MS = 120_000;

const answers = (port: number, at: string): (() => Promise<boolean>) => answersAt(`http://127.0.0.1:${port}${at}`);

const listens = (port: number): (() => Promise<boolean>) => () => new Promise((resolve) => {
  const socket = net.connect(port, '127.0.0.1', () => {
    socket.destroy();
    resolve(true);
  });
  socket.on('error', () => resolve(false));
});

const accepts = (port: number, at = '/'): (() => Promise<boolean>) => () => fetch(`http://127.0.0.1:${port}${at}`).then(() => true, () => false);

/** Name under which a work's model is served. */
const nameOf = (work: Work): string => work;

/** Environment of a Slipway server that is alone on the machine and says nothing. */
export function slipwayEnv(port: number, adminPort: number, models: string): Record<string, string> {
  return { HOST: '127.0.0.1', PORT: String(port), ADMIN_PORT: String(adminPort), MODEL_PATH: models, LOG_LEVEL: 'warn', DRAIN_DELAY_SECONDS: '0', NODE_ENV: 'production' };
}

/** The folder of models above a model's file or package: `<models>/<name>/<version>/...`. */
const modelsAbove = (model: string): string => (model.endsWith('.onnx') ? path.resolve(model, '..', '..', '..') : model);

export async function serveSlipway({ model, threads }: Task, nodeArgs: readonly string[] = [], env: Record<string, string> = {}): Promise<Served & { adminPort: number }> {
  const [port, admin] = [await freePort(), await freePort()];
  const started = await start({
    command: [process.execPath, '--import', path.join(SERVER, 'preload.ts'), ...nodeArgs, path.join(SERVER, 'main.ts')],
    env: { ...slipwayEnv(port, admin, modelsAbove(model)), TF_THREADS: String(threads), ...env },
    ready: answers(port, '/health/ready'),
  });
  return { ...started, port, grpcPort: port, adminPort: admin };
}

async function node(script: string, args: readonly string[] = [], nodeArgs: readonly string[] = []): Promise<Served> {
  const port = await freePort();
  const started = await start({ command: [process.execPath, ...nodeArgs, path.join(FLOORS, script), ...args.map((arg) => (arg === 'PORT' ? String(port) : arg))], env: { NODE_ENV: 'production' }, ready: accepts(port) });
  return { ...started, port, grpcPort: port };
}

export const serveDiscard = (nodeArgs: readonly string[]): Promise<Served> => node('discard.ts', ['PORT'], nodeArgs);

/** gRPC framing alone; the port accepts once it listens. */
export async function serveGrpcConstant(kind: 'own' | 'grpc-js', answer: Buffer): Promise<Served> {
  const port = await freePort();
  const started = await start({ command: [process.execPath, source('floors', 'grpc-constant.ts'), kind, String(port), answer.toString('hex')], ready: listens(port) });
  return { ...started, port, grpcPort: port };
}

/** Runs a Python peer in its environment. */
async function python(environment: EnvironmentName, args: readonly string[], task: Task, ready: () => Promise<boolean>): Promise<Started> {
  const { directory } = await ensureEnvironment(environment, { note: () => undefined, signal: new AbortController().signal });
  const program = environment === 'pytriton' ? await virtualPython(task.scratch, directory) : 'python3';
  return start({
    command: [program, ...args],
    cwd: task.scratch,
    env: {
      PYTHONPATH: `${directory}:${source('peers')}`,
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONNOUSERSITE: '1',
      LD_LIBRARY_PATH: path.join(directory, 'nvidia_pytriton.libs'), // PyTriton looks for them beside the interpreter only
      PATH: `${path.join(directory, 'bin')}:${process.env['PATH'] ?? ''}`,
      BENTOML_DO_NOT_TRACK: 'True',
      BENTOML_HOME: task.scratch,
      BENCH_MODEL: task.model,
      BENCH_NAME: nameOf(task.work),
      BENCH_THREADS: String(task.threads),
    },
    ready,
    timeoutMs: PEER_START_MS,
  });
}

/**
 * PyTriton's Triton starts a Python of its own, which looks at the virtual environment alone, and whose prebuilt stub wants the
 * distribution's Python of that version: a virtual environment that leads to the cached one.
 */
async function virtualPython(scratch: string, directory: string): Promise<string> {
  const version = (await exec(['python3', '-c', 'import sys; print("%d.%d" % sys.version_info[:2])'])).trim();
  const system = `/usr/bin/python${version}`;
  const folder = path.join(scratch, 'pytriton-environment');
  await exec([existsSync(system) ? system : 'python3', '-m', 'venv', '--without-pip', folder]);
  writeFileSync(path.join(folder, 'lib', `python${version}`, 'site-packages', 'pytriton.pth'), `${directory}\n`);
  return path.join(folder, 'bin', 'python');
}

async function mlserver(task: Task): Promise<Served> {
  const [port, grpcPort, metrics] = [await freePort(), await freePort(), await freePort()];
  const folder = path.join(task.scratch, 'mlserver');
  mkdirSync(folder, { recursive: true });
  // No worker process: with a model this small its queue would cost more than it brings. No access log.
  writeFileSync(path.join(folder, 'settings.json'), JSON.stringify({ host: '127.0.0.1', http_port: port, grpc_port: grpcPort, metrics_port: metrics, parallel_workers: 0, debug: false }));
  writeFileSync(path.join(folder, 'model-settings.json'), JSON.stringify({ name: nameOf(task.work), implementation: 'mlserver_runtime.OnnxModel', parameters: { uri: task.model } }));
  const started = await python('mlserver', [source('peers', 'mlserver_main.py'), folder], task, answers(port, `/v2/models/${nameOf(task.work)}/ready`));
  return { ...started, port, grpcPort };
}

async function kserve(task: Task): Promise<Served> {
  const [port, grpcPort] = [await freePort(), await freePort()];
  const started = await python('kserve-server', [source('peers', 'kserve_main.py'), String(port), String(grpcPort)], task, answers(port, `/v2/models/${nameOf(task.work)}/ready`));
  return { ...started, port, grpcPort };
}

async function bentoml(task: Task): Promise<Served> {
  const port = await freePort();
  const args = ['-m', 'bentoml', 'serve', 'bentoml_service:Mlp', '--working-dir', source('peers'), '--host', '127.0.0.1', '--port', String(port)];
  const started = await python('bentoml', args, task, answers(port, '/readyz'));
  return { ...started, port, grpcPort: 0 };
}

async function pytriton(task: Task): Promise<Served> {
  const ports = [await freePort(), await freePort(), await freePort()] as const;
  const started = await python('pytriton', [source('peers', 'pytriton_main.py'), ...ports.map(String)], task, answers(ports[0], `/v2/models/${nameOf(task.work)}/ready`));
  return { ...started, port: ports[0], grpcPort: ports[1] };
}

const v2 = (work: Work, wire: Wire): Request | undefined => (work === 'sentiment' ? undefined : v2Request(work, wire));
const http = (work: Work, wire: Wire): Request | undefined => (wire === 'grpc' ? undefined : v2(work, wire));
const onnxOnly = (request: Contender['request']): Contender['request'] => (work, wire) => (work === 'mlp' || work === 'mobilenet' ? request(work, wire) : undefined);

export const CONTENDERS: readonly Contender[] = [
  { name: 'slipway', what: 'this server, V2 (text: the native API)', serve: (task) => serveSlipway(task), request: (work, wire) => (work === 'sentiment' ? (wire === 'json' ? nativeRequest(work) : undefined) : v2(work, wire)) },
  { name: 'slipway/predict', what: 'this server, its native API', serve: (task) => serveSlipway(task), request: (work, wire) => (wire === 'json' && work !== 'sentiment' ? nativeRequest(work) : undefined) },
  { name: 'slipway/serving', what: "this server, TensorFlow Serving's REST", serve: (task) => serveSlipway(task), request: (work, wire) => (wire === 'json' && work === 'mlp' ? servingRequest(work) : undefined) },
  { name: 'fastify', what: 'floor: parses the same body, answers a constant', serve: () => node('constant.ts', ['PORT']), request: (work, wire) => (work === 'sentiment' ? (wire === 'json' ? nativeRequest(work) : undefined) : http(work, wire)) },
  { name: 'mlserver', what: 'MLServer, a custom runtime, no worker process', serve: mlserver, request: onnxOnly((work, wire) => (wire === 'binary' ? undefined : v2(work, wire))) },
  { name: 'kserve', what: "KServe's Python server, a custom model", serve: kserve, request: onnxOnly(v2) },
  { name: 'bentoml', what: 'BentoML, one worker, its own JSON', serve: bentoml, request: (work, wire) => (work === 'mlp' && wire === 'json' ? bentoRequest() : undefined) },
  { name: 'pytriton', what: "PyTriton: Triton's Python backend, dynamic batching", serve: pytriton, request: onnxOnly(v2) },
];

export const defaultThreads = (): number => availableParallelism();
