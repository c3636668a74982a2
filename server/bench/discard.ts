// The floor for large bodies: Fastify that reads a body and throws it away. `discard.ts <port>`
import Fastify from 'fastify';

const app = Fastify();
app.removeAllContentTypeParsers();
app.addContentTypeParser('*', (_request, payload, done) => {
  payload.resume();
  payload.once('end', () => done(null, null));
});
app.post('/*', () => ({ ok: true }));
await app.listen({ port: Number(process.argv[2]), host: '127.0.0.1' });
