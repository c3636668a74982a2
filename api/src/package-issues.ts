// Owns the words for what is wrong in a model.yaml: the place, what is expected there, and what a misspelt field was meant to be. PURE.
import { z } from 'zod';
import { ModelPackage } from './model-package.ts';

type Issue = z.core.$ZodIssue;

const MOST = 5;
/** A misspelt field differs in one letter of so many. */
const LETTERS_PER_TYPO = 4;

/** `place: what is expected`, joined; the first few of them. */
export function packageIssues(error: z.ZodError): string {
  return error.issues.slice(0, MOST).flatMap((issue) => wordsOf(issue, [])).join('; ');
}

function wordsOf(issue: Issue, above: readonly PropertyKey[]): string[] {
  const at = [...above, ...issue.path];
  const meant = issue.code === 'invalid_union' ? closestBranch(issue.errors) : undefined;
  if (meant !== undefined) return meant.flatMap((inner) => wordsOf(inner, at));
  const hint = issue.code === 'unrecognized_keys' ? suggestions(issue.keys) : '';
  return [`${at.map(String).join('.') || '(root)'}: ${issue.message}${hint}`];
}

/** Of the forms that a value may have, the one whose own fields are wrong: its writer meant that one. Undefined where none is nearer. */
function closestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  return branches.find((issues) => issues.length > 0 && issues.every(({ path }) => path.length > 0) && !issues.some(isMissing));
}

/** The field that tells the form is not there. */
const isMissing = (issue: Issue): boolean => issue.path.length === 1 && issue.code === 'invalid_type' && issue.message.endsWith('received undefined');

function suggestions(keys: readonly string[]): string {
  const known = fieldNames(z.toJSONSchema(ModelPackage, { io: 'input' }));
  const nearest = keys.flatMap((key) => [...known].filter((name) => distance(key.toLowerCase(), name.toLowerCase()) <= Math.max(1, Math.floor(key.length / LETTERS_PER_TYPO))).slice(0, 1));
  return nearest.length === 0 ? '' : `; did you mean ${nearest.join(', ')}?`;
}

/** Every field that a model.yaml may have, on whatever level. */
function fieldNames(schema: unknown): Set<string> {
  if (typeof schema !== 'object' || schema === null) return new Set();
  const own = 'properties' in schema && typeof schema.properties === 'object' ? Object.keys(schema.properties ?? {}) : [];
  return new Set([...own, ...Object.values(schema).flatMap((inner) => [...fieldNames(inner)])]);
}

/** Letters to add, drop or change (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length] ?? 0;
}
