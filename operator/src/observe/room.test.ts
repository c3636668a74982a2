// The most that one node has free, from nodes and the pods on them.
import { expect, it } from 'vitest';
import { roomIn } from './room.ts';

type Nodes = Parameters<typeof roomIn>[0];
type Pods = Parameters<typeof roomIn>[1];

const node = (name: string, allocatable: Record<string, string>, unschedulable = false): Nodes[number] => ({ apiVersion: 'v1', kind: 'Node', metadata: { name }, spec: { unschedulable }, status: { allocatable } });
const container = (requests: Record<string, string>): { resources: { requests: Record<string, string> } } => ({ resources: { requests } });
const pod = (nodeName: string, containers: object[], initContainers: object[] = []): Pods[number] => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { nodeName, containers, initContainers } });

it('is what pods leave, resource by resource, on the node with the most of it', () => {
  const nodes = [node('a', { cpu: '4', memory: '8' }), node('b', { cpu: '2', memory: '20', 'nvidia.com/gpu': '1' })];
  const pods = [pod('a', [container({ cpu: '500m' }), container({ cpu: '250m', memory: '6' })]), pod('b', [container({ memory: '5' })])];
  expect(roomIn(nodes, pods)).toEqual({ cpu: 3.25, memory: 15, 'nvidia.com/gpu': 1 });
});

it('counts an init container where it takes more than the containers after it', () => {
  expect(roomIn([node('a', { memory: '10' })], [pod('a', [container({ memory: '1' })], [container({ memory: '4' }), container({ memory: '3' })])])).toEqual({ memory: 6 });
});

it('leaves out nodes that take no pods, and never promises less than nothing', () => {
  expect(roomIn([node('a', { memory: '10' }, true), node('b', { memory: '1' })], [pod('b', [container({ memory: '2' })])])).toEqual({ memory: 0 });
});
