// The floor for HTTP with JSON: Fastify as it comes, which parses the same body and answers a constant of the usual size. `constant.ts <port>`
import Fastify from 'fastify';

const ANSWER = { model_name: 'mlp', model_version: '1', outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 3], data: [0.40456, 0.33643, 0.25901] }] };
/** As Slipway's own limit. */
const BODY_LIMIT = 64 * 1024 * 1024;

const app = Fastify({ bodyLimit: BODY_LIMIT });
app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
app.post('/*', () => ANSWER);
await app.listen({ port: Number(process.argv[2]), host: '127.0.0.1' });
