// A key waits until the caches have shown its own last writes, type by type.
import { CONFIG_MAPS, DEPLOYMENTS, hasReached, manualClock } from '@slipway/kube';
import type { KubeObject } from '@slipway/kube';
import { describe, expect, it } from 'vitest';
import { createOwnWrites } from './own-writes.ts';

const written = (kind: 'ConfigMap' | 'Deployment', resourceVersion: string): KubeObject => ({
  apiVersion: kind === 'ConfigMap' ? 'v1' : 'apps/v1',
  kind,
  metadata: { name: 'x', namespace: 'n', resourceVersion },
});

const setup = () => {
  const seen = new Map([
    [CONFIG_MAPS.plural, '5'],
    [DEPLOYMENTS.plural, '5'],
  ]);
  const clock = manualClock();
  const guard = createOwnWrites((type, _namespace, version) => hasReached(seen.get(type.plural) ?? '', version), clock);
  return { seen, clock, guard };
};

describe('read your own writes', () => {
  it('waits for the newest write of each type', () => {
    const { seen, guard } = setup();
    guard.note('k', written('ConfigMap', '9'));
    guard.note('k', written('ConfigMap', '10'));
    guard.note('k', written('ConfigMap', '9'));
    guard.note('k', written('Deployment', '11'));
    expect(guard.lagging('k')).toBe('configmaps');
    expect(guard.lagging('other')).toBeUndefined();
    seen.set('configmaps', '9');
    expect(guard.lagging('k')).toBe('configmaps');
    seen.set('configmaps', '10');
    expect(guard.lagging('k')).toBe('deployments');
    seen.set('deployments', '100');
    expect(guard.lagging('k')).toBeUndefined();
  });

  it('an apply that changed nothing is not waited for', () => {
    const { guard } = setup();
    guard.note('k', written('ConfigMap', '4'));
    expect(guard.lagging('k')).toBeUndefined();
  });

  it('gives up on a cache that does not catch up within a minute', async () => {
    const { clock, guard } = setup();
    guard.note('k', written('ConfigMap', '10'));
    await clock.advance(59_999);
    expect(guard.lagging('k')).toBe('configmaps');
    await clock.advance(1);
    expect(guard.lagging('k')).toBeUndefined();
  });

  it('forgets a key', () => {
    const { guard } = setup();
    guard.note('k', written('ConfigMap', '10'));
    guard.forget('k');
    expect(guard.lagging('k')).toBeUndefined();
  });
});
