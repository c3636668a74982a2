// Owns the environment of slipway-fetch: the only file of it that reads process.env. Must not do any work.
import { MODELS_MOUNT, PORTS } from '@slipway/api';

export interface FetchConfig {
  storageUri: string;
  /** Package digest that spec.model.sha256 asks for. */
  expectedSha256?: string;
  /** Package digest that the revision's first pod saw. */
  pinnedSha256?: string;
  /** Folder (the models mount) that gets `<digest>/` and `.slipway/fetched.json`. */
  destination: string;
  deadlineMs: number;
  idleMs: number;
  progressPort: number;
  terminationLog: string;
  allowLoopbackHttp: boolean;
  s3: { region: string; endpoint?: string };
}

type Env = Record<string, string | undefined>;

/** @throws Error when a variable is missing or is no number. */
export function readConfig(env: Env): FetchConfig {
  const storageUri = env['STORAGE_URI'];
  if (storageUri === undefined || storageUri === '') throw new Error('STORAGE_URI is not set');
  return {
    storageUri,
    ...optional('expectedSha256', env['EXPECTED_SHA256']),
    ...optional('pinnedSha256', env['PINNED_SHA256']),
    destination: env['DEST'] ?? MODELS_MOUNT,
    deadlineMs: seconds(env, 'FETCH_DEADLINE_SECONDS', 600),
    idleMs: seconds(env, 'FETCH_IDLE_SECONDS', 30),
    progressPort: integer(env, 'FETCH_PORT', PORTS.fetch),
    terminationLog: env['TERMINATION_LOG'] ?? '/dev/termination-log',
    allowLoopbackHttp: env['FETCH_ALLOW_LOOPBACK_HTTP'] === 'true',
    s3: {
      region: env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'] ?? 'us-east-1',
      ...optional('endpoint', env['AWS_ENDPOINT_URL_S3'] ?? env['AWS_ENDPOINT_URL']),
    },
  };
}

function optional<K extends string>(key: K, value: string | undefined): Partial<Record<K, string>> {
  return value === undefined || value === '' ? {} : ({ [key]: value.trim() } as Partial<Record<K, string>>);
}

const seconds = (env: Env, name: string, fallback: number): number => number(env, name, fallback) * 1000;

function integer(env: Env, name: string, fallback: number): number {
  const value = number(env, name, fallback);
  if (!Number.isInteger(value)) throw new Error(`${name} must be a whole number, not ${String(value)}`);
  return value;
}

function number(env: Env, name: string, fallback: number): number {
  const text = env[name];
  const value = text === undefined || text === '' ? fallback : Number(text);
  if (!(value >= 0)) throw new Error(`${name} must be a number, not ${JSON.stringify(text)}`);
  return value;
}
