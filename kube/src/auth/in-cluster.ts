// Owns the identity of a pod: the service account files that the kubelet mounts and rotates. Must not read the environment.
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { TransportError } from '../errors.ts';
import type { Connection } from './connection.ts';

export const SERVICE_ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';
/** Milliseconds for which an unchanged token file is not looked at again. */
const LOOK_AGAIN_MS = 1_000;

/** Reads a token file again once it has changed; a file that cannot be read leaves the last good token in use. */
function tokenReader(path: string, clock: Clock): (fresh: boolean) => Promise<string> {
  let token: string | undefined;
  let version = '';
  let lookedAt = -Infinity;
  return async (fresh) => {
    if (token !== undefined && !fresh && clock.monotonic() - lookedAt < LOOK_AGAIN_MS) return token;
    lookedAt = clock.monotonic();
    try {
      const { mtimeMs, ino } = await stat(path);
      if (token === undefined || version !== `${mtimeMs}/${ino}`) token = (await readFile(path, 'utf8')).trim();
      version = `${mtimeMs}/${ino}`;
    } catch (error) {
      if (token === undefined) throw new TransportError('Credentials', `cannot read the service account token ${path}`, { cause: error });
    }
    return token;
  };
}

/** The connection of a pod. `host` and `port` are where the API server's Service answers. Throws TransportError if the files are missing. */
export async function inClusterConnection(options: { host: string; port: string; clock: Clock; folder?: string }): Promise<Connection> {
  const folder = options.folder ?? SERVICE_ACCOUNT_FOLDER;
  const token = tokenReader(join(folder, 'token'), options.clock);
  const read = async (name: string): Promise<string | undefined> => readFile(join(folder, name), 'utf8').catch(() => undefined);
  const ca = await read('ca.crt');
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return {
    server: `https://${host}:${options.port}`,
    tls: { ca },
    headers: async (fresh) => ({ authorization: `Bearer ${await token(fresh)}` }),
    namespace: (await read('namespace'))?.trim(),
  };
}
