// A process that stands in for the model servers of all simulated pods: it answers GET /state on their admin port as a loaded, warm server
// does, and nothing else. Runs in the cluster's network namespace, where the simulated pods' addresses are local.
import { createServer } from 'node:http';
import { PORTS } from '@slipway/api';
import type { ServerState } from '@slipway/api';

const digest = 'c'.repeat(64);
const state: ServerState = {
  phase: 'Ready',
  digest,
  modelVersion: 'v1',
  backend: 'simulated',
  models: [{ name: 'model', version: 'v1', phase: 'Ready', digest, format: 'saved-model' }],
};
const text = JSON.stringify(state);

createServer((request, response) => {
  const known = request.url === '/state';
  response.writeHead(known ? 200 : 404, { 'content-type': 'application/json' }).end(known ? text : '{}');
}).listen(PORTS.admin, '0.0.0.0');
