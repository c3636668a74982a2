// When the quick start believes that a service is done, what it shows until then, and what it says at the end.
import type { InferenceService } from '@slipway/api';
import { describe, expect, it } from 'vitest';
import { upgradeArguments } from './chart.ts';
import { closingText } from './messages.ts';
import { sampleNamespace } from './namespace.ts';
import { describeState, isDone } from './service-state.ts';

type Condition = NonNullable<NonNullable<InferenceService['status']>['conditions']>[number];

const condition = (type: string, status: 'True' | 'False', observedGeneration: number, reason = 'AsExpected', message = ''): Condition => (
  { type, status, reason, message, lastTransitionTime: '2026-01-01T00:00:00Z', observedGeneration }
);

function service(conditions: Condition[], more: Partial<NonNullable<InferenceService['status']>> = {}): InferenceService {
  return { metadata: { name: 'sentiment', generation: 2 }, status: { conditions, ...more } } as InferenceService;
}

describe('isDone', () => {
  it('asks for Ready and RolledOut of the present generation', () => {
    expect(isDone(service([condition('Ready', 'True', 2), condition('RolledOut', 'True', 2)]))).toBe(true);
    expect(isDone(service([condition('Ready', 'True', 1), condition('RolledOut', 'True', 2)]))).toBe(false);
    expect(isDone(service([condition('Ready', 'True', 2), condition('RolledOut', 'False', 2)]))).toBe(false);
    expect(isDone({ metadata: { name: 'sentiment' } } as InferenceService)).toBe(false);
  });
});

describe('describeState', () => {
  it('tells phase, readiness, the reason and what to do', () => {
    const conditions = [condition('Ready', 'False', 2, 'ImagePullFailed', 'the image cannot be pulled; check its name')];
    const state = describeState(service(conditions, { phase: 'Progressing', summary: { ready: '0/2', reason: 'ImagePullFailed' } }));
    expect(state).toBe('Progressing · 0/2 · ImagePullFailed · the image cannot be pulled; check its name');
  });

  it('says that nobody has looked at it yet', () => {
    expect(describeState({ metadata: { name: 'sentiment' } } as InferenceService)).toBe('waiting for the operator');
  });
});

describe('closingText', () => {
  const outcome = { table: 'NAME  URL\nsentiment  http://x\n', url: 'http://127.0.0.1:4000', answer: '{"prediction":"positive"}', namespace: 'default', programs: [] };

  it('shows the table, the request as it can be repeated, the answer and the next steps', () => {
    const text = closingText(outcome);
    expect(text).toContain("$ curl -s http://127.0.0.1:4000/predict -d '{\"text\":\"not bad at all\"}'\n{\"prediction\":\"positive\"}");
    expect(text).toContain('kubectl apply -f models/sentiment/canary.yaml');
    expect(text).toContain('serving.slipway.dev/promote=');
    expect(text).not.toContain('export PATH');
  });

  it('names the namespace and the built kubectl where they are needed', () => {
    const text = closingText({ ...outcome, namespace: 'slipway-demo', programs: ['/cache/kube', '/cache/helm'] });
    expect(text).toContain('kubectl apply -n slipway-demo -f');
    expect(text).toContain('export PATH="/cache/kube:/cache/helm:$PATH"');
  });
});

describe('the release', () => {
  it('gets its images by value', () => {
    const images = { operator: 'r/operator:1', router: 'r/router:2', server: 'r/server:3', 'server-onnx': 'r/server-onnx:4' };
    expect(upgradeArguments('charts/slipway', images).join(' ')).toContain('--set-string images.operator=r/operator:1 --set-string images.router=r/router:2');
  });

  it('puts the sample beside nothing of anybody else', () => {
    expect(sampleNamespace({ kind: 'context' })).toBe('slipway-demo');
    expect(sampleNamespace({ kind: 'local' })).toBe('default');
  });
});
