// Owns spec.traffic and spec.monitoring: what changes no pod. Must not know routers or Prometheus.
import { z } from 'zod';
import { doc, kube } from '../meta.ts';
import { duration, labelMap } from './fields.ts';

const texts = (max: number, length: number, description: string): z.ZodArray<z.ZodString> => kube(z.array(z.string().min(1).max(length)).max(max), { description, listType: 'atomic' });

export const CorsSpec = kube(
  z.object({
    allowOrigins: kube(z.array(z.string().min(1).max(253)).min(1).max(32), { description: 'Origins that may call, such as https://app.example.com, or "*".', listType: 'atomic' }),
    allowMethods: texts(16, 16, 'Methods that may be used. Default: GET, HEAD and POST.').optional(),
    allowHeaders: texts(64, 128, 'Request headers that may be sent. Default: those that the server reads, such as Content-Type and Slipway-Model-Version.').optional(),
    exposeHeaders: texts(64, 128, 'Answer headers that the page may read.').optional(),
    allowCredentials: doc(z.boolean().optional(), 'Whether cookies and credentials may be sent.'),
    maxAge: doc(duration().optional(), 'How long browsers may remember a preflight, as a duration such as 10m.'),
  }),
  {
    description: 'Cross-origin calls from browsers, answered by the router.',
    cel: [
      {
        rule: "!has(self.allowCredentials) || !self.allowCredentials || !('*' in self.allowOrigins)",
        message: 'browsers refuse credentials together with the origin "*"; list the origins, or remove allowCredentials',
      },
    ],
  },
);
export type CorsSpec = z.infer<typeof CorsSpec>;

export const TrafficSpec = doc(
  z.object({
    timeout: kube(duration().default('60s'), {
      description: 'Longest time for one request, body included, as a duration such as 60s.',
      cel: [{ rule: "duration(self) > duration('0s') && duration(self) <= duration('1h')", message: 'timeout must be longer than 0s and at most 1h' }],
    }),
    retry: doc(z.enum(['Auto', 'Never']).default('Auto'), 'Auto re-sends to another pod of the same revision what no pod has begun to answer; Never does not.'),
    cors: CorsSpec.optional(),
  }),
  'How requests are treated. A change here restarts no pod.',
);
export type TrafficSpec = z.infer<typeof TrafficSpec>;

const ServiceMonitorSpec = doc(
  z.object({
    enabled: doc(z.boolean().default(true), 'Whether a ServiceMonitor is made.'),
    interval: kube(duration().default('15s'), {
      description: 'Time between scrapes, as a duration such as 15s.',
      cel: [{ rule: "duration(self) >= duration('1s')", message: 'interval must be at least 1s' }],
    }),
    labels: labelMap('Labels of the ServiceMonitor, for a Prometheus that selects by label.').optional(),
  }),
  'The ServiceMonitor of the serving pods, made while its CRD exists.',
);

export const MonitoringSpec = doc(z.object({ serviceMonitor: ServiceMonitorSpec.prefault({}) }), 'Prometheus scraping. A change here restarts no pod.');
export type MonitoringSpec = z.infer<typeof MonitoringSpec>;
