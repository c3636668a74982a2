// Services made reachable through the NodePorts that kind maps, and that kind-config.yaml maps just those.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { load } from 'js-yaml';
import { expect, it } from 'vitest';
import { NODE_PORTS, nodePortService, type Service } from './node-ports.ts';

const wanted = { namespace: 'default', name: 'sentiment', port: 80 };
const original: Service = { metadata: { name: 'sentiment', namespace: 'default' }, spec: { selector: { app: 'router', tier: 'a' }, ports: [{ port: 80, targetPort: 10001 }] } };
const other = (nodePort: number, name = `other-${nodePort}`): Service => ({ metadata: { name, namespace: 'default' }, spec: { ports: [{ port: 80, nodePort }] } });

it('takes the first free NodePort and selects the same pods', () => {
  expect(nodePortService([original, other(30080)], wanted, [30080, 30081])).toEqual({
    nodePort: 30081,
    manifest: { name: 'sentiment-80-nodeport', port: 80, targetPort: 10001, selector: 'app=router,tier=a' },
  });
});

it('finds the one it made before', () => {
  expect(nodePortService([original, other(30083, 'sentiment-80-nodeport')], wanted, NODE_PORTS)).toEqual({ nodePort: 30083 });
});

it('says what is wrong', () => {
  expect(() => nodePortService([], wanted, NODE_PORTS)).toThrow('default/sentiment');
  expect(() => nodePortService([original, other(30080)], wanted, [30080])).toThrow('are taken');
});

it('agrees with kind-config.yaml, which maps to loopback only', () => {
  const file = path.join(import.meta.dirname, '..', '..', 'kind-config.yaml');
  const { nodes } = load(readFileSync(file, 'utf8')) as { nodes: { extraPortMappings: { containerPort: number; listenAddress: string }[] }[] };
  const mappings = nodes.flatMap((node) => node.extraPortMappings);
  expect(mappings.map(({ containerPort }) => containerPort)).toEqual(NODE_PORTS);
  expect(new Set(mappings.map(({ listenAddress }) => listenAddress))).toEqual(new Set(['127.0.0.1']));
});
