// What answers of npm audit mean, and what the list of reviewed advisories may say.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { advisoriesIn, faultsOf, refusalIn, verdictOf } from './verdict.ts';
import type { Allowed } from './verdict.ts';

const via = (id: string, name: string) => ({ source: 1, name, dependency: name, title: 'Bad parsing', url: `https://github.com/advisories/${id}`, severity: 'high', range: '<2' });
const answer = JSON.stringify({
  auditReportVersion: 2,
  vulnerabilities: {
    lib: { name: 'lib', severity: 'high', via: [via('GHSA-aaaa-bbbb-cccc', 'lib')], effects: ['app'] },
    app: { name: 'app', severity: 'high', via: ['lib', via('GHSA-dddd-eeee-ffff', 'app'), via('GHSA-aaaa-bbbb-cccc', 'lib')], effects: [] },
  },
  metadata: {},
});
const entry: Allowed = { advisory: 'GHSA-aaaa-bbbb-cccc', package: 'lib', reason: 'only parses files that we ship ourselves', expires: '2030-03-01' };

describe('npm audit', () => {
  it('is read: each advisory once, dependencies of what is bad not again', () => {
    expect(advisoriesIn(answer)?.map((each) => [each.id, each.package, each.severity])).toEqual([['GHSA-aaaa-bbbb-cccc', 'lib', 'high'], ['GHSA-dddd-eeee-ffff', 'app', 'high']]);
    expect(advisoriesIn('{"auditReportVersion":2,"vulnerabilities":{}}')).toEqual([]);
  });

  it('an answer that is none is told from no advisories', () => {
    const refused = '{"message":"405 Method Not Allowed","statusCode":405,"error":{"summary":"","detail":""}}';
    expect([advisoriesIn(refused), refusalIn(refused)]).toEqual([undefined, '405 Method Not Allowed']);
    expect([advisoriesIn('<html>'), refusalIn('<html>')]).toEqual([undefined, undefined]);
  });

  it('the list allows what it names, in that package, until its day', () => {
    const advisories = advisoriesIn(answer) ?? [];
    expect(verdictOf(advisories, [entry], '2030-02-28')).toMatchObject({ open: [{ id: 'GHSA-dddd-eeee-ffff' }], allowed: [{ id: 'GHSA-aaaa-bbbb-cccc' }], unused: [] });
    expect(verdictOf(advisories, [entry], '2030-03-01').open).toHaveLength(2);
    expect(verdictOf(advisories, [{ ...entry, package: 'other' }], '2030-02-28')).toMatchObject({ open: [{}, {}], unused: [{ package: 'other' }] });
  });

  it('the list needs names, reasons and days within half a year', () => {
    expect(faultsOf([entry], '2030-02-01')).toEqual([]);
    expect(faultsOf([{ ...entry, advisory: 'CVE-1' }], '2030-02-01')[0]).toMatch(/not the name/);
    expect(faultsOf([{ ...entry, reason: 'fine' }], '2030-02-01')[0]).toMatch(/no reason/);
    expect(faultsOf([entry], '2029-02-01')[0]).toMatch(/until 2029-08-04/);
    expect(faultsOf([entry], '2030-03-01')[0]).toMatch(/expired on 2030-03-01/);
  });

  it('the list that we have can be read', () => {
    const list = JSON.parse(readFileSync(path.join(import.meta.dirname, 'allowed.json'), 'utf8')) as Allowed[];
    expect(list.every((each) => Object.keys(each).sort().join() === 'advisory,expires,package,reason')).toBe(true);
  });
});
