// Owns one route entry as the router uses it: parsed, checked and compiled once, never changed afterwards.
// Must not know other entries, sockets or where the text came from.
import { RouteEntry } from '@slipway/api';
import type { RouteBackend } from '@slipway/api';
import { splitOf } from '../pick/split.ts';
import type { Split } from '../pick/split.ts';

export interface Entry {
  readonly uid: string;
  readonly sequence: number;
  readonly route: RouteEntry;
  /** What it was made from, for the copy on disk. */
  readonly text: string;
  readonly split: Split;
  /** Who answers on the preview port. */
  readonly preview: RouteBackend | undefined;
  readonly timeoutMs: number;
  readonly mayRetry: boolean;
}

export type Parsed = { entry: Entry } | { refused: string };

const MAX_ISSUES = 3;
/** What may stand in a header; anything else could end it. */
const HEADER_TEXT = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Everything of an entry that answers carry in headers. */
function headerTexts({ backends, cors }: RouteEntry): string[] {
  const { allowOrigins = [], allowMethods = [], allowHeaders = [], exposeHeaders = [] } = cors ?? {};
  return [...backends.flatMap((b) => [b.revision, b.modelVersion]), ...allowOrigins, ...allowMethods, ...allowHeaders, ...exposeHeaders];
}

function whyNot(route: RouteEntry): string | undefined {
  const { backends, ports, preview } = route;
  const sum = backends.reduce((total, b) => total + b.weight, 0);
  if (sum !== 0 && sum !== 100) return `weights sum to ${sum}, not to 100`;
  if (ports.public === ports.preview) return `public and preview port are both ${ports.public}`;
  if (new Set(backends.map((b) => b.revision)).size !== backends.length) return 'a revision is named twice';
  if (preview !== undefined && !backends.some((b) => b.revision === preview)) return `preview revision ${preview} is no backend`;
  const unfit = headerTexts(route).find((text) => !HEADER_TEXT.test(text));
  if (unfit !== undefined) return `${JSON.stringify(unfit)} has characters that no header can carry`;
  return undefined;
}

function compile(route: RouteEntry, text: string): Entry {
  return {
    uid: route.uid,
    sequence: route.sequence,
    route,
    text,
    split: splitOf(route.backends),
    preview: route.backends.find((b) => b.revision === route.preview),
    timeoutMs: route.timeoutSeconds * 1000,
    mayRetry: route.retry === 'Auto',
  };
}

function jsonOf(text: string): { value: unknown } | { refused: string } {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    return { refused: `not JSON: ${(error as Error).message}` };
  }
}

/** The entry that the text describes, or why it is refused. Never throws. */
export function parseEntry(text: string): Parsed {
  const json = jsonOf(text);
  if ('refused' in json) return json;
  const parsed = RouteEntry.safeParse(json.value);
  if (!parsed.success) {
    const issues = parsed.error.issues.slice(0, MAX_ISSUES).map((issue) => `${issue.path.join('.') || 'entry'}: ${issue.message}`);
    return { refused: issues.join('; ') };
  }
  const refused = whyNot(parsed.data);
  return refused === undefined ? { entry: compile(parsed.data, text) } : { refused };
}
