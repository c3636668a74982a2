// The choice of a cluster, and that what is missing is named with the command that installs it.
import { describe, expect, it } from 'vitest';
import { decide, type Facts } from './decision.ts';

const bare: Facts = { context: undefined, registry: undefined, docker: 'missing', kind: false, platform: 'linux', root: true, go: true, made: false };

describe('decide', () => {
  it.each<[string, Partial<Facts>, string, string]>([
    ['a context of their own wins over everything', { context: 'prod', registry: 'r.example/x', docker: 'running', kind: true }, 'context', 'SLIPWAY_CONTEXT'],
    ['Docker and kind win over the local one', { docker: 'running', kind: true }, 'kind', 'Docker runs'],
    ['kind is missing', { docker: 'running' }, 'local', 'kind is not installed; running as root with Go'],
    ['one that was made earlier wins over a Docker that was started since', { made: true, docker: 'running', kind: true }, 'local', 'made here earlier'],
    ['Docker is stopped', { docker: 'stopped', kind: true }, 'local', 'Docker is installed but does not run'],
    ['no Docker at all', {}, 'local', 'no Docker found; running as root with Go'],
  ])('%s', (_, facts, kind, why) => {
    const decision = decide({ ...bare, ...facts });
    expect(decision.kind).toBe(kind);
    expect(decision.kind === 'none' ? '' : decision.why).toContain(why);
  });

  it.each<[string, Partial<Facts>, string[]]>([
    ['a context without a registry', { context: 'prod', docker: 'running' }, ['export SLIPWAY_REGISTRY=']],
    ['a context without Docker', { context: 'prod', registry: 'r', docker: 'stopped' }, ['systemctl start docker']],
    ['neither root nor Docker', { root: false }, ['docs.docker.com', 'go install sigs.k8s.io/kind', 'sudo -E', 'SLIPWAY_CONTEXT']],
    ['no Go', { go: false }, ['go.dev/dl', 'docs.docker.com']],
    ['a Mac without Docker', { platform: 'darwin', docker: 'stopped', kind: true }, ['systemctl start docker', 'needs Linux']],
  ])('names what is missing: %s', (_, facts, commands) => {
    const decision = decide({ ...bare, ...facts });
    const missing = decision.kind === 'none' ? decision.missing.join('\n') : '';
    for (const command of commands) expect(missing).toContain(command);
  });
});
