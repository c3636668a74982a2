// A real server as a pod of a revision, for tests that put a real router in front of several.
import { podAddress, type Upstream } from '../../../router/src/testing/harness.ts';
import { serve, type TestServer } from './server.ts';

export interface Pods {
  /** Starts one. All pods of a service listen on one port, each on its own address; 0 for the first. */
  start(env: Record<string, string>, port: number): Promise<Upstream>;
  close(): Promise<void>;
}

/** Pods that are closed together. */
export function serverPods(): Pods {
  const servers: TestServer[] = [];
  return {
    async start(env, port) {
      const host = podAddress();
      const server = await serve({ BEHIND_ROUTER: 'true', ...env, HOST: host, PORT: String(port) });
      servers.push(server);
      return { host, port: server.port, hits: () => 0, connections: () => 0, stop: () => server.close() };
    },
    async close() {
      await Promise.all(servers.splice(0).map((server) => server.close()));
    },
  };
}
