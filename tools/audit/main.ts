// npm run audit: known vulnerabilities of what the lockfile names, less the reviewed ones of allowed.json. Where the registry does not
// answer audits (some mirrors do not), it says so and passes: a check that could not be made is neither good nor bad news. A release must not
// go out unchecked: --strict fails then.
// It must not know what a verdict is made of.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { advisoriesIn, faultsOf, refusalIn, verdictOf } from './verdict.ts';
import type { Allowed } from './verdict.ts';

const root = path.resolve(import.meta.dirname, '..', '..');
const TIMEOUT_MS = 60_000;
const today = new Date().toISOString().slice(0, 10);
const strict = process.argv.includes('--strict');
const list = JSON.parse(readFileSync(path.join(import.meta.dirname, 'allowed.json'), 'utf8')) as Allowed[];

/** npm's JSON, whatever its exit code; undefined if there is none. */
function npmAudit(): Promise<string | undefined> {
  const args = ['audit', '--audit=true', '--json', '--package-lock-only', '--fetch-retries=1', '--fetch-timeout=20000'];
  return new Promise((resolve) => {
    execFile('npm', args, { cwd: root, timeout: TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 }, (_error, stdout) => resolve(stdout.trim() === '' ? undefined : stdout));
  });
}

/** What could not be checked is told with the registry's words; with --strict it is a problem. */
function unchecked(json: string | undefined): string[] {
  const why = (json === undefined ? undefined : refusalIn(json)) ?? 'npm gave no answer';
  console.log(`audit: NOT CHECKED (${why}). Only allowed.json was checked. npm_config_registry=URL npm run audit asks a registry that answers.`);
  return strict ? ['not checked, and --strict asks for a verdict'] : [];
}

function report(json: string | undefined): string[] {
  const advisories = json === undefined ? undefined : advisoriesIn(json);
  if (advisories === undefined) return unchecked(json);
  const { open, allowed, unused } = verdictOf(advisories, list, today);
  for (const { id, package: name } of allowed) console.log(`audit: ${id} (${name}) is allowed until ${list.find((each) => each.advisory === id)?.expires}`);
  for (const { advisory, package: name } of unused) console.log(`audit: ${advisory} (${name}) applies no longer; remove it from allowed.json`);
  if (open.length === 0) console.log(`audit: no open advisory (${allowed.length} allowed)`);
  return open.map(({ id, package: name, severity, title, url }) => `${severity}: ${name}: ${title} (${id}, ${url})`);
}

const problems = [...faultsOf(list, today), ...report(await npmAudit())];
for (const problem of problems) console.error(`audit: ${problem}`);
if (problems.length > 0) {
  console.error('audit: update the package, or review it and enter it in tools/audit/allowed.json with a reason and a day');
  process.exitCode = 1;
}
