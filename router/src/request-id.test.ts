// Ids of requests: UUIDs of version 4, all different, over the edges of a batch too.
import { expect, it } from 'vitest';
import { newRequestId } from './request-id.ts';

it('makes random UUIDs, each once', () => {
  const ids = Array.from({ length: 1000 }, newRequestId);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(new Set(ids).size).toBe(1000);
});
