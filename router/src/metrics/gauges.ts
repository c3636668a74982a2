// Owns the metrics that are read off the router's state when Prometheus asks. Must not count anything.
import type { Connections } from '../downstream/connections.ts';
import type { Routes } from '../routes.ts';
import type { Pods } from '../upstream/pods.ts';
import type { MetricName } from './catalogue.ts';
import type { Sample } from './exposition.ts';

export interface Sources {
  routes: Routes;
  connections: Connections;
  pods: Pods;
}

const single = (value: number): Sample[] => [{ labels: [], value }];

function endpointSamples({ routes, pods }: Sources): Sample[] {
  return [...routes.table.entries.values()].flatMap(({ route }) =>
    route.backends.map((b) => ({ labels: [route.name, b.revision, b.role], value: pods.count(b.revision) })),
  );
}

function processSamples(): [MetricName, Sample[]][] {
  const { user, system } = process.cpuUsage();
  return [
    ['process_resident_memory_bytes', single(process.memoryUsage.rss())],
    ['process_cpu_seconds_total', single((user + system) / 1e6)],
    ['process_start_time_seconds', single(Math.round(performance.timeOrigin) / 1000)],
  ];
}

/** The gauges of this moment. */
export function readGauges(sources: Sources): ReadonlyMap<MetricName, readonly Sample[]> {
  const { routes, connections, pods } = sources;
  const { entries, refused } = routes.table;
  return new Map<MetricName, readonly Sample[]>([
    ['slipway_router_table_sequence', [...entries.values()].map((e) => ({ labels: [e.route.name], value: e.sequence }))],
    ['slipway_router_entry_refused', [...refused.keys()].map((source) => ({ labels: [source], value: 1 }))],
    ['slipway_router_endpoints', endpointSamples(sources)],
    [
      'slipway_router_open_connections',
      [
        { labels: ['downstream'], value: connections.open },
        { labels: ['upstream'], value: pods.connections() },
      ],
    ],
    ['slipway_router_synced', single(routes.synced ? 1 : 0)],
    ...processSamples(),
  ]);
}
