// The router's admin endpoints are on the admin port alone: the same paths on a public or preview port are the pod's business.
import { afterEach, expect, it } from 'vitest';
import { call, closeAll, http1Pod, startRouter } from './testing/harness.ts';

afterEach(closeAll);

it.each(['/metrics', '/routes', '/readyz', '/healthz'])('%s on the public and the preview port goes to the pod', async (path) => {
  const pod = await http1Pod((req, res) => res.end(`the pod's ${req.url}`));
  const router = await startRouter({ targetPort: pod.port });
  router.pods({ stable: [pod], preview: [pod] });
  expect((await call(router.port, { path })).body.toString()).toBe(`the pod's ${path}`);
  const preview = await call(router.previewPort, { path });
  expect(preview.body.toString()).not.toMatch(/slipway_router|entries/);
});
