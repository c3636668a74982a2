// npm test: sets up what the chosen groups need, runs them in order, goes on after a failed one, and ends with a table whose last line
// reads `N passed, N failed`. Exit code 0 only if nothing failed. Clusters of a group that was stopped are removed.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { removeOrphans } from '../cluster/local/lifecycle.ts';
import { createProgress } from '../progress.ts';
import { chooseGroups, GROUPS, type Group } from './groups.ts';
import { prepare } from './prepare.ts';
import { summary, sumOf, type GroupResult } from './report.ts';
import { runGroup, type RunContext } from './run-group.ts';

const HELP = `usage: npm test [-- GROUP...]       all groups without an argument

${GROUPS.map((group) => `  ${group.name.padEnd(10)} ${group.about}`).join('\n')}

One test file: npx vitest run --project unit path/to/x.test.ts
`;

const progress = createProgress(process.stdout);
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort(new Error('interrupted')));

async function runAll(groups: readonly Group[], context: RunContext): Promise<GroupResult[]> {
  const missing = await prepare(groups, { ...context, progress });
  const results: GroupResult[] = [];
  for (const group of groups) {
    const reason = context.signal.aborted ? 'not run: interrupted' : missing.get(group.name);
    progress.line(`\n== ${group.name}: ${reason ?? group.about}`);
    results.push(reason === undefined ? await runGroup(group, context) : { name: group.name, passed: 0, failed: 1, milliseconds: 0, note: reason });
  }
  return results;
}

async function main(groups: readonly Group[]): Promise<void> {
  const scratch = await mkdtemp(path.join(tmpdir(), 'slipway-test-'));
  const context = { root: path.resolve(import.meta.dirname, '..', '..'), scratch, signal: interrupted.signal };
  try {
    const results = await runAll(groups, context);
    await removeOrphans({ report: progress.line }).catch((error: unknown) => progress.line(`a cluster was left behind: ${String(error)}`));
    process.stdout.write(summary(results));
    process.exitCode = sumOf(results).failed === 0 ? 0 : 1;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

const { positionals, values } = parseArgs({ allowPositionals: true, options: { help: { type: 'boolean', short: 'h' } } });
if (values.help) process.stdout.write(HELP);
else await main(chooseGroups(positionals));
