// Owns the settings of the server: every environment variable, its default and its check, in one table. The only file that
// reads the environment, but for preload.ts, which needs one of them earlier. `--help` prints the same table.
import { availableParallelism, totalmem } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { DRAIN_DELAY_SECONDS, Isolation, ModelFormat, PORTS } from '@slipway/api';
import { cgroupCpus, cgroupMemoryBytes } from './host/cgroup.ts';

const count = (fallback: number, min = 0): z.ZodDefault<z.ZodCoercedNumber> => z.coerce.number().int().min(min).default(fallback);
const share = (fallback: number): z.ZodDefault<z.ZodCoercedNumber> => z.coerce.number().min(0).max(1).default(fallback);
const flag = z.enum(['true', 'false']).default('false').transform((value) => value === 'true');
const list = z.string().default('').transform((value) => value.split(',').map((item) => item.trim()).filter((item) => item !== ''));
const sizes = list.refine((items) => items.every((item) => /^[1-9]\d{0,8}$/.test(item)), 'must be whole numbers of rows, comma separated').transform((items) => items.map(Number));
const text = z.string().min(1).optional();

/** Name -> schema and the line that --help prints. */
const VARIABLES = {
  PORT: [count(PORTS.server), 'port of the API (HTTP/1.1 and cleartext HTTP/2)'],
  HOST: [z.string().default('0.0.0.0'), 'address of the API'],
  MODEL_PATH: [z.string().min(1).default('models'), 'folder of models, one package, or what slipway-fetch left'],
  MODEL_NAME: [text, 'name to serve a single package under; its own stays an alias'],
  MODEL_VERSION: [text, 'version to serve a single package under'],
  MODEL_FORMAT: [ModelFormat.optional(), 'saved-model | tfjs-graph | tfjs-layers | onnx; default: found from the files'],
  MODEL_ISOLATION: [Isolation.optional(), "thread | process: a thread or a child process for each worker of a model, shared with no other; default: the package's own, else threads that small models share"],
  ALLOW_HANDLERS: [flag, 'run the preprocess and postprocess code that packages bring; a package that has some is refused otherwise'],
  HANDLER_TIMEOUT_SECONDS: [z.coerce.number().positive().default(1), 'time for one call of a handler, within the time for the answer'],
  HANDLER_HEAP_MB: [count(64, 8), 'JavaScript heap of the handlers of one model, MiB'],
  REVISION: [text, 'revision name (<isvc>-<hash>), sent as Slipway-Revision'],
  BEHIND_ROUTER: [flag, 'true behind an InferenceService: 421 for a missing version, management off'],
  MAX_BATCH_SIZE: [count(32, 1), 'rows of one run of a model'],
  BATCH_MAX_DELAY_MS: [z.coerce.number().min(0).default(0), 'how long a call may wait for company, milliseconds'],
  BATCH_PREFERRED_SIZES: [sizes, "rows at which a batch waits no longer, comma separated; default: the package's own, else none"],
  BATCH_ALLOWED_SIZES: [sizes, "the only rows of a run, comma separated: smaller batches are filled up; default: the package's own, else any"],
  MAX_BATCH_ITEMS: [count(10_000, 1), 'items of one call'],
  MAX_TEXT_LENGTH: [count(1_000_000, 1), 'characters of one text, of models that take texts'],
  CACHE_MAX_BYTES: [z.coerce.number().int().min(0).optional(), "answers of each model that are kept to be given again, bytes; 0 = none; default: the package's own, else none"],
  CACHE_MAX_ENTRIES: [count(10_000, 1), 'answers of each model that are kept, with CACHE_MAX_BYTES'],
  CACHE_TTL_SECONDS: [z.coerce.number().min(0).default(0), 'age at which a kept answer is given no more, with CACHE_MAX_BYTES; 0 = none'],
  MAX_QUEUE: [count(1024, 1), 'calls that may wait for one model'],
  MAX_BODY_BYTES: [count(64 * 1024 * 1024, 1), 'body of a call, as sent and inflated'],
  MEMORY_BUDGET_BYTES: [count(0), 'memory of the process; 0 = 90 % of the container limit (or of the machine)'],
  MODEL_MEMORY_BYTES: [count(0), 'memory of all loaded models; with LAZY_LOAD they give way to each other within it; 0 = three quarters of the memory budget'],
  REQUEST_TIMEOUT_SECONDS: [z.coerce.number().positive().default(60), 'time for one answer'],
  WARMUP_ITERATIONS: [count(3), 'runs on each warm-up input'],
  LAZY_LOAD: [flag, 'load a model on its first call, and unload it when others need its memory'],
  TF_WORKERS: [count(1, 1), 'workers of each model; each holds the weights once more'],
  SHARED_WORKERS: [count(0), 'threads of one runtime before its small models share them; 0 = its part of the CPUs of the container'],
  TF_THREADS: [count(0), 'threads inside one operation; 0 = CPUs of the container'],
  WORKER_HEAP_MB: [count(1024, 16), 'JavaScript heap of a worker, MiB'],
  ALLOW_SLOW_BACKEND: [flag, 'serve tfjs models without native TensorFlow, many times slower'],
  COMPILE_CACHE: [text, `folder that keeps the server's compiled JavaScript for its next start and for further workers, its own user's alone; default: none`],
  DRAIN_DELAY_SECONDS: [z.coerce.number().min(0).default(DRAIN_DELAY_SECONDS), 'seconds of accepting after SIGTERM'],
  ADMIN_PORT: [count(PORTS.admin), 'port of /metrics, /state and management'],
  ADMIN_HOST: [text, 'address of the admin port; default 0.0.0.0 behind a router or with ADMIN_TOKEN, else 127.0.0.1'],
  ADMIN_TOKEN: [text, 'bearer token for management'],
  ALIAS_PORTS: [list, "further ports of the API, comma separated; 'all' = 80,8000,8001,8080,8500,8501"],
  V1_DIALECT: [z.enum(['tfserving', 'kserve']).default('tfserving'), 'who owns /v1/models: tfserving | kserve'],
  REVISION_NUMBER: [z.coerce.number().int().min(1).optional(), 'integer version of a package that has none, for protocols that know only integers'],
  AIP_HTTP_PORT: [count(0), 'Vertex AI: a further port of the API; 0 = none'],
  AIP_PREDICT_ROUTE: [text, 'Vertex AI: path of predictions'],
  AIP_HEALTH_ROUTE: [text, 'Vertex AI: path of the health check'],
  SAGEMAKER_BIND_TO_PORT: [count(0), 'SageMaker: a further port of the API; 0 = none'],
  CORS_ORIGINS: [list, "origins that browsers may call from, comma separated, or '*'; not behind a router, which answers those"],
  ACCESS_LOG_SAMPLE: [share(0.01), 'share of the calls that the access log has a line for, 0 to 1; probes are never logged'],
  ACCESS_LOG_ERROR_SAMPLE: [share(1), 'the same for calls that failed, at most 100 lines a second'],
  LOG_LEVEL: [z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'), 'trace | debug | info | warn | error | silent'],
} as const satisfies Record<string, readonly [z.ZodType, string]>;

type Name = keyof typeof VARIABLES;
type Values = { [N in Name]: z.output<(typeof VARIABLES)[N][0]> };

export interface ServerConfig extends Values {
  /** Threads inside one operation, resolved. */
  threads: number;
  /** CPUs of the container, whole ones. */
  cpus: number;
  /** Bytes the process may take, resolved. */
  memoryBudget: number;
  /** Bytes that models may take together, resolved. */
  modelMemory: number;
  aliasPorts: readonly number[];
  adminHost: string;
  /** All that a child process of a model sees of the environment. */
  childEnvironment: Readonly<Record<string, string>>;
}

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

const USUAL_PORTS = [80, 8000, 8001, 8080, 8500, 8501];
const MEMORY_SHARE = 0.9;
const MODEL_SHARE = 0.75;

/** @throws ConfigError naming every variable that is wrong */
export function readConfig(env: NodeJS.ProcessEnv): Readonly<ServerConfig> {
  const shape = Object.fromEntries(Object.entries(VARIABLES).map(([name, [schema]]) => [name, schema]));
  const given = Object.fromEntries(Object.keys(VARIABLES).flatMap((name) => (env[name] === undefined || env[name] === '' ? [] : [[name, env[name]]])));
  const parsed = z.object(shape).safeParse(given);
  if (!parsed.success) {
    throw new ConfigError(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('\n'));
  }
  const values = parsed.data as Values;
  checkSizes(values);
  const memoryBudget = values.MEMORY_BUDGET_BYTES || Math.floor((cgroupMemoryBytes() ?? totalmem()) * MEMORY_SHARE);
  return Object.freeze({
    ...values,
    MODEL_PATH: path.resolve(values.MODEL_PATH),
    threads: values.TF_THREADS || ownCpus(),
    cpus: ownCpus(),
    memoryBudget,
    modelMemory: values.MODEL_MEMORY_BYTES || Math.floor(memoryBudget * MODEL_SHARE),
    aliasPorts: [...new Set([...aliasPorts(values.ALIAS_PORTS, values.PORT), ...cloudPorts(values)])],
    childEnvironment: childEnvironment(env),
    adminHost: values.ADMIN_HOST ?? (values.BEHIND_ROUTER || values.ADMIN_TOKEN !== undefined ? '0.0.0.0' : '127.0.0.1'),
  });
}

const ownCpus = (): number => Math.max(1, Math.floor(cgroupCpus() ?? availableParallelism()));

function checkSizes(values: Values): void {
  for (const name of ['BATCH_PREFERRED_SIZES', 'BATCH_ALLOWED_SIZES'] as const) {
    const over = values[name].find((rows) => rows > values.MAX_BATCH_SIZE);
    if (over !== undefined) throw new ConfigError(`${name}: ${String(over)} is over MAX_BATCH_SIZE ${String(values.MAX_BATCH_SIZE)}`);
  }
}

function aliasPorts(given: readonly string[], port: number): number[] {
  if (given.includes('all')) return USUAL_PORTS.filter((alias) => alias !== port);
  return given.map((item) => {
    const alias = Number(item);
    if (!Number.isInteger(alias) || alias < 0 || alias > 65_535) throw new ConfigError(`ALIAS_PORTS: ${item} is no port`);
    return alias;
  });
}

/** The ports that the managed clouds name; the API listens on its own as well. */
const cloudPorts = ({ PORT, AIP_HTTP_PORT, SAGEMAKER_BIND_TO_PORT }: Values): number[] => [AIP_HTTP_PORT, SAGEMAKER_BIND_TO_PORT].filter((port) => port !== 0 && port !== PORT);

/** What loaders, locales and native runtimes read; no tokens, no credentials. Of the server's own settings those that preload.ts reads. */
const CHILD_VARIABLE = /^(PATH|HOME|TMPDIR|LANG|TZ|(LC|LD|DYLD|TF|ORT|OMP|KMP|MKL|MALLOC|ONEDNN|DNNL)_.+)$/;
const OWN_CHILD_VARIABLES: readonly string[] = ['COMPILE_CACHE' satisfies Name];

const childEnvironment = (env: NodeJS.ProcessEnv): Record<string, string> =>
  Object.fromEntries(Object.entries(env).flatMap(([name, value]) => (value !== undefined && (name in VARIABLES ? OWN_CHILD_VARIABLES.includes(name) : CHILD_VARIABLE.test(name)) ? [[name, value]] : [])));

/** Has to be set before native TensorFlow is loaded, which reads the real environment, once. */
export function setNativeEnvironment(env: NodeJS.ProcessEnv): void {
  env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
}

/**
 * Tells native TensorFlow, which is not loaded yet, how many threads its pool gets, and how many runs may be under way: one fewer than its workers
 * would let one slow model hold up all others. @returns threads of the pool: what was said before stays.
 */
export function setPoolThreads(env: NodeJS.ProcessEnv, { threads, runs }: { threads: number; runs: number }): number {
  env['TF_NUM_INTRAOP_THREADS'] ??= String(threads);
  env['TF_NUM_INTEROP_THREADS'] ??= String(runs);
  return Number(env['TF_NUM_INTRAOP_THREADS']) || threads;
}

/** The text of --help. */
export function helpText(): string {
  const names = Object.keys(VARIABLES) as Name[];
  const width = Math.max(...names.map((name) => name.length));
  const lines = names.map((name) => {
    const [schema, help] = VARIABLES[name];
    const fallback = defaultOf(schema);
    return `  ${name.padEnd(width)}  ${help}${fallback === '' ? '' : ` [${fallback}]`}`;
  });
  return ['Slipway model server. Settings are environment variables:', ...lines, ''].join('\n');
}

function defaultOf(schema: z.ZodType): string {
  const parsed = schema.safeParse(undefined);
  const value = (parsed.success ? parsed.data : undefined) as string | number | boolean | string[] | number[] | undefined;
  return value === undefined ? '' : String(value);
}

/** Names of all variables, for the docs test. */
export const VARIABLE_NAMES: readonly string[] = Object.keys(VARIABLES);
