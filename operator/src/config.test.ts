// Flags, environment and their catalogue.
import { describe, expect, it } from 'vitest';
import { ConfigError, FLAGS, helpText, loadConfig } from './config.ts';

const images = { SERVER_IMAGE: 'server:1', ROUTER_IMAGE: 'router:1' };

describe('configuration of the operator', () => {
  it('needs only the images', () => {
    const config = loadConfig([], images);
    expect(config).toMatchObject({
      plan: { images: { server: 'server:1', router: 'router:1' }, clusterDomain: 'cluster.local', imagePullSecrets: [] },
      namespace: { routerClusterRole: 'slipway-router', routerReplicas: 2, nodeSelector: {}, resources: { requests: { cpu: '20m', memory: '64Mi' } } },
      watchNamespaces: [],
      lease: { name: 'slipway-operator', namespace: 'default' },
      adminPort: 9090,
      logLevel: 'info',
      workers: 16,
    });
    expect(loadConfig([], images).lease.identity).not.toBe(config.lease.identity);
  });

  it('a flag wins over its variable', () => {
    const config = loadConfig(['--server-image=flag:2', '--watch-namespaces', 'a, b,'], { ...images, WATCH_NAMESPACES: 'c' });
    expect(config.plan.images.server).toBe('flag:2');
    expect(config.watchNamespaces).toEqual(['a', 'b']);
  });

  it('NetworkPolicies are off until their peers are given', () => {
    expect(loadConfig([], images).namespace.networkPolicy).toBeUndefined();
    const peers = { operator: { podSelector: {} }, prometheus: { namespaceSelector: {} } };
    expect(loadConfig([`--network-policy=${JSON.stringify(peers)}`], images).namespace.networkPolicy).toEqual(peers);
  });

  it.each([
    [[], {}, /--server-image .*SERVER_IMAGE/],
    [['--nonsense=1'], images, /nonsense/],
    [['--workers=0'], images, /--workers .* whole number from 1 to 64/],
    [['--admin-port=x'], images, /--admin-port/],
    [['--log-level=loud'], images, /--log-level .* debug, info/],
    [['--router-resources=[]'], images, /--router-resources .* JSON object/],
    [['--network-policy=[]'], images, /--network-policy .* JSON object/],
    [['--network-policy={"operator":{}}'], images, /--network-policy must hold operator and prometheus/],
    [['--router-node-selector={'], images, /--router-node-selector .* JSON object/],
  ] as [string[], Record<string, string>, RegExp][])('%j is refused with a sentence', (args, env, message) => {
    expect(() => loadConfig(args, env)).toThrow(ConfigError);
    expect(() => loadConfig(args, env)).toThrow(message);
  });

  it('--help names every flag and variable', () => {
    const help = helpText();
    for (const [name, { env }] of Object.entries(FLAGS)) {
      expect(help).toContain(`--${name} (${env};`);
    }
  });
});
