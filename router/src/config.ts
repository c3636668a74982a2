// Owns the router's settings: names of environment variables, defaults, help text. The only file that reads the environment.
// Must not start anything.
import { DRAIN_DELAY_SECONDS, PORTS } from '@slipway/api';
import { LOG_LEVELS } from './log.ts';
import type { LogLevel } from './log.ts';

export interface Config {
  /** Name of this pod, said in reports. */
  pod: string;
  /** Namespace whose routes are served. */
  namespace: string;
  /** Address to listen on; undefined: all. */
  host: string | undefined;
  adminPort: number;
  /** Folder that survives a restart of the process. */
  stateDir: string;
  drainDelaySeconds: number;
  maxBodyBytes: number;
  maxHeaderBytes: number;
  maxConnections: number;
  connectTimeoutMs: number;
  headTimeoutMs: number;
  logLevel: LogLevel;
  /** Part of the requests that is logged, 0 to 1. */
  accessLog: number;
}

type Env = Readonly<Record<string, string | undefined>>;

interface Setting<T> {
  name: string;
  help: string;
  byDefault: string;
  /** Throws RangeError. */
  parse: (text: string) => T;
}

export class ConfigError extends Error {
  override name = 'ConfigError';
}

const text = (value: string): string => value;
const number =
  (min: number, max: number, whole = true) =>
  (value: string): number => {
    const parsed = Number(value);
    const good = value.trim() !== '' && parsed >= min && parsed <= max && (!whole || Number.isInteger(parsed));
    if (!good) throw new RangeError(`must be a ${whole ? 'whole ' : ''}number from ${min} to ${max}`);
    return parsed;
  };
function level(value: string): LogLevel {
  const found = LOG_LEVELS.find((l) => l === value);
  if (found === undefined) throw new RangeError(`must be one of ${LOG_LEVELS.join(', ')}`);
  return found;
}

const MIB = 1024 * 1024;

const SETTINGS: { [K in keyof Config]: Setting<Config[K]> } = {
  pod: { name: 'POD_NAME', help: 'name of this pod, said in reports', byDefault: 'router', parse: text },
  namespace: { name: 'POD_NAMESPACE', help: 'namespace whose routes are served', byDefault: 'default', parse: text },
  host: { name: 'HOST', help: 'address to listen on; empty: all', byDefault: '', parse: (v) => (v === '' ? undefined : v) },
  adminPort: { name: 'ADMIN_PORT', help: 'port of /healthz, /readyz, /metrics and /routes', byDefault: String(PORTS.admin), parse: number(0, 65_535) },
  stateDir: { name: 'STATE_DIR', help: 'folder that keeps the last good table over a restart', byDefault: '/tmp/slipway-router', parse: text },
  drainDelaySeconds: { name: 'DRAIN_DELAY_SECONDS', help: 'seconds that new connections are accepted after SIGTERM', byDefault: String(DRAIN_DELAY_SECONDS), parse: number(0, 3600, false) },
  maxBodyBytes: { name: 'MAX_BODY_BYTES', help: 'largest request body', byDefault: String(128 * MIB), parse: number(1, Number.MAX_SAFE_INTEGER) },
  maxHeaderBytes: { name: 'MAX_HEADER_BYTES', help: 'largest request head', byDefault: String(16 * 1024), parse: number(1024, MIB) },
  maxConnections: { name: 'MAX_CONNECTIONS', help: 'connections of callers at once', byDefault: '10000', parse: number(1, 1_000_000) },
  connectTimeoutMs: { name: 'CONNECT_TIMEOUT_MS', help: 'milliseconds for a connection to a pod', byDefault: '1000', parse: number(1, 60_000) },
  headTimeoutMs: { name: 'HEAD_TIMEOUT_MS', help: 'milliseconds for a request head to arrive', byDefault: '15000', parse: number(1, 600_000) },
  logLevel: { name: 'LOG_LEVEL', help: LOG_LEVELS.join(', '), byDefault: 'info', parse: level },
  accessLog: { name: 'ACCESS_LOG', help: 'part of the requests that is logged, 0 to 1', byDefault: '0', parse: number(0, 1, false) },
};

function read<T>(setting: Setting<T>, env: Env): T {
  const value = env[setting.name] ?? setting.byDefault;
  try {
    return setting.parse(value);
  } catch (error) {
    throw new ConfigError(`${setting.name}=${JSON.stringify(value)} ${(error as Error).message}`);
  }
}

/** The settings. Throws ConfigError, which names the variable. */
export function configOf(env: Env): Config {
  return {
    pod: read(SETTINGS.pod, env),
    namespace: read(SETTINGS.namespace, env),
    host: read(SETTINGS.host, env),
    adminPort: read(SETTINGS.adminPort, env),
    stateDir: read(SETTINGS.stateDir, env),
    drainDelaySeconds: read(SETTINGS.drainDelaySeconds, env),
    maxBodyBytes: read(SETTINGS.maxBodyBytes, env),
    maxHeaderBytes: read(SETTINGS.maxHeaderBytes, env),
    maxConnections: read(SETTINGS.maxConnections, env),
    connectTimeoutMs: read(SETTINGS.connectTimeoutMs, env),
    headTimeoutMs: read(SETTINGS.headTimeoutMs, env),
    logLevel: read(SETTINGS.logLevel, env),
    accessLog: read(SETTINGS.accessLog, env),
  };
}

/** What `--help` prints. */
export function helpText(): string {
  const lines = Object.values(SETTINGS).map((s) => `  ${s.name.padEnd(22)} ${s.help}${s.byDefault === '' ? '' : ` (default ${s.byDefault})`}`);
  return `slipway-router: splits, balances and retries the requests of a namespace's InferenceServices.\n\nSettings, by environment variable:\n${lines.join('\n')}\n`;
}
