// npm run audit: known vulnerabilities of what the lockfile names, less the reviewed ones of allowed.json. Where the registry does not
// answer audits (some mirrors do not), it says so and passes: a check that could not be made is neither good nor bad news.
// It must not know what a verdict is made of.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { advisoriesIn, faultsOf, verdictOf } from './verdict.ts';
import type { Advisory, Allowed } from './verdict.ts';

const root = path.resolve(import.meta.dirname, '..', '..');
const TIMEOUT_MS = 60_000;
const today = new Date().toISOString().slice(0, 10);
const list = JSON.parse(readFileSync(path.join(import.meta.dirname, 'allowed.json'), 'utf8')) as Allowed[];

/** npm's JSON, whatever its exit code; undefined if there is none. */
function npmAudit(): Promise<string | undefined> {
  const args = ['audit', '--audit=true', '--json', '--package-lock-only', '--fetch-retries=1', '--fetch-timeout=20000'];
  return new Promise((resolve) => {
    execFile('npm', args, { cwd: root, timeout: TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 }, (_error, stdout) => resolve(stdout.trim() === '' ? undefined : stdout));
  });
}

function read(json: string | undefined): Advisory[] | undefined {
  try {
    return json === undefined ? undefined : advisoriesIn(json);
  } catch {
    return undefined;
  }
}

function report(advisories: readonly Advisory[] | undefined): string[] {
  if (advisories === undefined) {
    console.log('audit: NOT CHECKED: the registry does not answer questions about vulnerabilities, or npm could not ask. Only allowed.json was checked.');
    return [];
  }
  const { open, allowed, unused } = verdictOf(advisories, list, today);
  for (const { id, package: name } of allowed) console.log(`audit: ${id} (${name}) is allowed until ${list.find((each) => each.advisory === id)?.expires}`);
  for (const { advisory, package: name } of unused) console.log(`audit: ${advisory} (${name}) applies no longer; remove it from allowed.json`);
  if (open.length === 0) console.log(`audit: no open advisory (${allowed.length} allowed)`);
  return open.map(({ id, package: name, severity, title, url }) => `${severity}: ${name}: ${title} (${id}, ${url})`);
}

const problems = [...faultsOf(list, today), ...report(read(await npmAudit()))];
for (const problem of problems) console.error(`audit: ${problem}`);
if (problems.length > 0) {
  console.error('audit: update the package, or review it and enter it in tools/audit/allowed.json with a reason and a day');
  process.exitCode = 1;
}
