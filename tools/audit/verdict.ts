// What an answer of `npm audit` means for us: which advisories are open, which are allowed and until when. Pure.
// It must not know how npm is run.

/** One entry of allowed.json: an advisory that somebody has looked at. */
export interface Allowed {
  /** As in the advisory's URL: GHSA-xxxx-xxxx-xxxx. */
  readonly advisory: string;
  readonly package: string;
  /** Why it does no harm here, in a sentence. */
  readonly reason: string;
  /** Day (YYYY-MM-DD, UTC) from which it is looked at again. At most half a year ahead. */
  readonly expires: string;
}

/** One advisory that applies to something in the lockfile. */
export interface Advisory {
  readonly id: string;
  readonly package: string;
  readonly severity: string;
  readonly title: string;
  readonly url: string;
}

export interface Verdict {
  /** Not allowed, or no longer. */
  readonly open: readonly Advisory[];
  readonly allowed: readonly Advisory[];
  /** Entries of the list that no advisory needs any more. */
  readonly unused: readonly Allowed[];
}

interface Via {
  url?: string;
  title?: string;
  severity?: string;
  name?: string;
}

/** The parts of npm's report (auditReportVersion 2) that are read. */
interface Report {
  vulnerabilities?: Record<string, { via: readonly (Via | string)[] }>;
  /** Set instead of vulnerabilities when the registry gave no answer. */
  message?: string;
  error?: unknown;
}

const LONGEST_DAYS = 184;
const DAY_MS = 24 * 3600_000;

/** npm's JSON; an empty report if it is none. */
function reportIn(json: string): Report {
  try {
    return JSON.parse(json) as Report;
  } catch {
    return {};
  }
}

/** Why the registry did not answer, in npm's words. */
export const refusalIn = (json: string): string | undefined => reportIn(json).message;

/** The advisories in npm's JSON, each once. Undefined if the registry did not answer the question, or there is no JSON. */
export function advisoriesIn(json: string): Advisory[] | undefined {
  const report = reportIn(json);
  if (report.vulnerabilities === undefined) return undefined;
  const found = Object.values(report.vulnerabilities).flatMap(({ via }) => via).filter((via): via is Via => typeof via === 'object');
  const advisories = found.map(({ url = '', name = '', severity = 'unknown', title = '' }) => ({ id: url.split('/').pop() ?? url, package: name, severity, title, url }));
  return [...new Map(advisories.map((each) => [`${each.id} ${each.package}`, each])).values()];
}

/** Sorts advisories into open and allowed ones. `today`: YYYY-MM-DD. */
export function verdictOf(advisories: readonly Advisory[], list: readonly Allowed[], today: string): Verdict {
  const entryOf = (advisory: Advisory): Allowed | undefined => list.find((each) => each.advisory === advisory.id && each.package === advisory.package);
  const isAllowed = (advisory: Advisory): boolean => (entryOf(advisory)?.expires ?? '') > today;
  return {
    open: advisories.filter((each) => !isAllowed(each)),
    allowed: advisories.filter(isAllowed),
    unused: list.filter((entry) => !advisories.some((each) => entryOf(each) === entry)),
  };
}

/** What is wrong with the list itself, one sentence each: it must stay reviewed whether or not the registry answers. */
export function faultsOf(list: readonly Allowed[], today: string): string[] {
  const latest = new Date(Date.parse(today) + LONGEST_DAYS * DAY_MS).toISOString().slice(0, 10);
  return list.flatMap(({ advisory, package: name, reason, expires }) => [
    ...(/^GHSA(-[a-z0-9]{4}){3}$/.test(advisory) ? [] : [`${advisory} (${name}) is not the name of an advisory`]),
    ...(reason.length >= 20 ? [] : [`${advisory} (${name}) gives no reason`]),
    ...(/^\d{4}-\d{2}-\d{2}$/.test(expires) && expires <= latest ? [] : [`${advisory} (${name}) must expire on a day until ${latest}`]),
    ...(expires > today ? [] : [`${advisory} (${name}) expired on ${expires}: look at it again`]),
  ]);
}
