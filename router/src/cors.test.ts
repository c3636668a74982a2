// Cross-origin calls: the preflight answered by the router, the headers of real answers.
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, http1Pod, startRouter } from './testing/harness.ts';
import type { Router, Upstream } from './testing/harness.ts';
import type { Cors } from '@slipway/api';

afterEach(closeAll);

async function withCors(cors: Cors | undefined): Promise<{ router: Router; pod: Upstream }> {
  const pod = await http1Pod((_req, res) => res.writeHead(200, { 'Access-Control-Allow-Origin': 'http://from-the-pod' }).end('pod'));
  const router = await startRouter({ targetPort: pod.port, route: cors === undefined ? {} : { cors } });
  router.pods({ stable: [pod] });
  return { router, pod };
}

const preflight = { Origin: 'https://app.example', 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type' };

describe('CORS', () => {
  it('answers a preflight without asking a pod', async () => {
    const { router, pod } = await withCors({ allowOrigins: ['https://app.example'], allowMethods: ['POST'], allowHeaders: ['content-type'], maxAgeSeconds: 600, allowCredentials: true });
    const answer = await router.call({ method: 'OPTIONS', headers: preflight });
    expect(answer.status).toBe(204);
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': 'https://app.example',
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'content-type',
      'access-control-max-age': '600',
      'access-control-allow-credentials': 'true',
      vary: 'Origin',
    });
    expect(pod.hits()).toBe(0);
  });

  it('lets a page send raw tensors where nothing else is said', async () => {
    const { router } = await withCors({ allowOrigins: ['*'] });
    const { headers } = await router.call({ method: 'OPTIONS', headers: { ...preflight, Origin: 'https://app.example' } });
    for (const name of ['Slipway-Tensor-Shape', 'Slipway-Tensor-Dtype', 'Content-Encoding']) expect(headers['access-control-allow-headers']).toContain(name);
  });

  it('gives an origin that is not allowed nothing', async () => {
    const { router } = await withCors({ allowOrigins: ['https://app.example'] });
    const headers = { ...preflight, Origin: 'https://evil.example' };
    expect((await router.call({ method: 'OPTIONS', headers })).headers).not.toHaveProperty('access-control-allow-origin');
    expect((await router.call({ headers: { Origin: 'https://evil.example' } })).headers).not.toHaveProperty('access-control-allow-origin');
  });

  it.each([
    [{ allowOrigins: ['*'] }, '*'],
    [{ allowOrigins: ['*'], allowCredentials: true }, 'https://app.example'],
    [{ allowOrigins: ['https://app.example'] }, 'https://app.example'],
  ])('answers of %j allow %s and replace what the pod says', async (cors, allowed) => {
    const { router } = await withCors(cors);
    const answer = await router.call({ headers: { Origin: 'https://app.example' } });
    expect(answer.text).toBe('pod');
    expect(answer.headers['access-control-allow-origin']).toBe(allowed);
    expect(answer.headers['access-control-expose-headers']).toContain('Slipway-Revision');
    for (const name of ['Name', 'Shape', 'Dtype']) expect(answer.headers['access-control-expose-headers']).toContain(`Slipway-Tensor-${name}`);
  });

  it('says it on the router\'s own problems too, so that a browser can read them', async () => {
    const { router } = await withCors({ allowOrigins: ['*'] });
    router.pods({ stable: [] });
    const answer = await router.call({ headers: { Origin: 'https://app.example' } });
    expect(answer.status).toBe(503);
    expect(answer.headers['access-control-allow-origin']).toBe('*');
  });

  it('is the pod\'s own business when the route says nothing', async () => {
    const { router, pod } = await withCors(undefined);
    expect((await router.call({ method: 'OPTIONS', headers: preflight })).headers['access-control-allow-origin']).toBe('http://from-the-pod');
    expect(pod.hits()).toBe(1);
  });
});
