// What counts as passed and failed, and the last line that people and CI read.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { chooseGroups, GROUPS } from './groups.ts';
import { countReport, failuresOf, filesToRunAgain, mergeReports, summary, type VitestReport } from './report.ts';

const report = (more: Partial<VitestReport>): VitestReport => ({ success: true, numPassedTests: 3, numFailedTests: 0, testResults: [], ...more });

describe('countReport', () => {
  it('counts tests', () => {
    expect(countReport(report({}), 0)).toEqual({ passed: 3, failed: 0 });
    expect(countReport(report({ success: false, numFailedTests: 2 }), 1)).toEqual({ passed: 3, failed: 2 });
  });

  it('counts a file that could not be loaded, or whose hook failed', () => {
    const testResults = [
      { status: 'failed', assertionResults: [] },
      { status: 'failed', assertionResults: [{ status: 'skipped' }, { status: 'skipped' }] },
      { status: 'failed', assertionResults: [{ status: 'passed' }, { status: 'failed' }] },
      { status: 'passed', assertionResults: [{ status: 'passed' }] },
    ];
    expect(countReport(report({ success: false, numFailedTests: 1, testResults }), 1)).toEqual({ passed: 3, failed: 3 });
  });

  it('counts a run that failed outside of its tests, or left no report', () => {
    expect(countReport(report({}), 1)).toEqual({ passed: 3, failed: 1 });
    expect(countReport(report({ success: false }), 0)).toEqual({ passed: 3, failed: 1 });
    expect(countReport(undefined, 0)).toEqual({ passed: 0, failed: 1 });
  });
});

describe('failuresOf', () => {
  it('names failed tests and broken files with the first lines of why', () => {
    const testResults = [
      { name: 'a.test.ts', status: 'failed', message: 'cannot be loaded', assertionResults: [] },
      { name: 'b.test.ts', status: 'failed', assertionResults: [{ status: 'passed' }, { status: 'failed', fullName: 'adds up', failureMessages: ['1\n2\n3\n4\n5\n6\n7'] }] },
      { name: 'c.test.ts', status: 'passed', assertionResults: [{ status: 'passed' }] },
    ];
    expect(failuresOf(report({ testResults }))).toEqual(['a.test.ts\n    cannot be loaded', 'b.test.ts > adds up\n    1\n    2\n    3\n    4\n    5\n    6']);
    expect(failuresOf(undefined)).toEqual([]);
  });
});

describe('a second run', () => {
  const file = (name: string, ...statuses: string[]): VitestReport['testResults'][number] => ({
    name,
    status: statuses.includes('failed') ? 'failed' : 'passed',
    assertionResults: statuses.map((status, index) => ({ status, fullName: String(index) })),
  });
  const first = report({ success: false, numPassedTests: 3, numFailedTests: 2, testResults: [file('a', 'passed', 'failed'), file('b', 'passed', 'passed'), file('c', 'failed')] });

  it('is for the files that failed, if they are few', () => {
    expect(filesToRunAgain(first)).toEqual(['a', 'c']);
    expect(filesToRunAgain(report({}))).toEqual([]);
    expect(filesToRunAgain(undefined)).toEqual([]);
    expect(filesToRunAgain(report({ testResults: ['a', 'b', 'c', 'd'].map((name) => file(name, 'failed')) }))).toEqual([]);
  });

  it('replaces what the first run says of its files', () => {
    const passed = mergeReports(first, report({ testResults: [file('a', 'passed', 'passed'), file('c', 'passed')] }));
    expect(countReport(passed, 0)).toEqual({ passed: 5, failed: 0 });
    const half = mergeReports(first, report({ success: false, testResults: [file('a', 'failed', 'passed'), file('c', 'passed')] }));
    expect(countReport(half, 1)).toEqual({ passed: 4, failed: 1 });
    expect(failuresOf(half)).toEqual(['a > 0\n    ']);
  });
});

describe('summary', () => {
  it('names what passed only when it was run again', () => {
    const text = summary([{ name: 'unit', passed: 4, failed: 0, milliseconds: 1200, unsteady: ['a.test.ts > adds up\n    1 is not 2'] }]);
    expect(text).toContain('passed only when run again:\n  unit: a.test.ts > adds up\n    1 is not 2\n');
  });

  it('names what failed before the table', () => {
    const text = summary([{ name: 'unit', passed: 3, failed: 1, milliseconds: 1200, failures: ['a.test.ts > adds up\n    1 is not 2'] }]);
    expect(text).toContain('failed:\n  unit: a.test.ts > adds up\n    1 is not 2\n');
    expect(text.indexOf('failed:')).toBeLessThan(text.indexOf('group '));
  });

  it('ends with the sum', () => {
    const results = [{ name: 'unit', passed: 3, failed: 0, milliseconds: 1200 }, { name: 'lint', passed: 0, failed: 1, milliseconds: 61_000, note: 'interrupted' }];
    const lines = summary(results).trimEnd().split('\n');
    expect(lines.at(-1)).toBe('3 passed, 1 failed');
    expect(lines.find((line) => line.includes('lint'))).toMatch(/lint +0 +1 +1 min 01 s {3}interrupted$/);
  });
});

describe('groups', () => {
  it('are chosen by name, in their own order', () => {
    expect(chooseGroups([])).toEqual(GROUPS);
    expect(chooseGroups(['unit', 'types']).map((group) => group.name)).toEqual(['types', 'unit']);
    expect(() => chooseGroups(['units'])).toThrow('no group "units"; there are verify, types');
  });

  it('name npm scripts and vitest projects that there are', () => {
    const root = path.resolve(import.meta.dirname, '..', '..');
    const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
    const projects = readFileSync(path.join(root, 'vitest.config.ts'), 'utf8');
    for (const { kind, name } of GROUPS) {
      if (kind === 'check') expect(Object.keys(scripts)).toContain(name);
      else expect(projects).toContain(`name: '${name}'`);
    }
  });
});
