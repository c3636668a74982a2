// Owns a router process with one fixed 90/10 route, for benches and for tests of clients:
// `router-process.ts <public port> <target port> <address of v1> <of v2> [admin port]`.
import { createApp, createLog, startAdmin } from '../../router/src/index.ts';
import { freePort } from '../../tools/free-port.ts';

const [port = 0, targetPort = 0] = process.argv.slice(2, 4).map(Number);
const [stable = '', canary = '', adminPort] = process.argv.slice(4);
/** Nobody calls it, but an entry has one. The next number would be somebody else's where several routers run. */
const preview = await freePort();

const app = createApp({
  pod: 'bench',
  host: '127.0.0.1',
  maxBodyBytes: 1e9,
  maxHeaderBytes: 16 * 1024,
  maxConnections: 10_000,
  connectTimeoutMs: 1000,
  headTimeoutMs: 15_000,
  accessLog: 0,
  withdrawDelayMs: 0,
  disk: undefined,
  log: createLog('warn', {}, (line) => process.stderr.write(line)),
  random: Math.random,
  now: () => performance.now(),
});

const backends = [
  { revision: 'svc-1', role: 'stable', weight: 90, modelVersion: 'v1' },
  { revision: 'svc-2', role: 'canary', weight: 10, modelVersion: 'v2' },
];
const entry = { schema: 1, uid: 'bench', sequence: 1, namespace: 'bench', name: 'svc', ports: { public: port, preview }, targetPort, backends, timeoutSeconds: 60, retry: 'Auto' };
app.routes.offer('svc-route', JSON.stringify(entry));
app.routes.setAddresses(new Map([['svc-1', [stable]], ['svc-2', [canary]]]));
app.routes.markSynced(new Set(['svc-route']));
await app.whenListening();
if (adminPort !== undefined) await startAdmin({ port: Number(adminPort), host: '127.0.0.1', missing: () => app.routes.missing(), metrics: () => app.metricsText(), report: () => app.routes.report() });
process.stdout.write('ready\n');
