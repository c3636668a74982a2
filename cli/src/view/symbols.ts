// Owns the symbols of Argo Rollouts, so that nobody has to learn new ones, and which phase or state gets which.
// Must not know layouts.
import { span } from './text.ts';
import type { Span, Tone } from './text.ts';

export const SYMBOLS = { service: '⟳', revision: '#', deployment: '⧉', pod: '□' } as const;

const MARKS = {
  ok: ['✔', 'good'],
  bad: ['✖', 'bad'],
  warning: ['⚠', 'warn'],
  progressing: ['◌', 'busy'],
  paused: ['॥', 'warn'],
  waiting: ['◷', 'busy'],
  neutral: ['•', 'quiet'],
  unknown: ['?', 'quiet'],
} as const satisfies Record<string, readonly [string, Tone]>;
export type Mark = keyof typeof MARKS;

/** A symbol and a word. */
export const marked = (mark: Mark, word: string): Span => span(`${MARKS[mark][0]} ${word}`, MARKS[mark][1]);

const PHASES: Readonly<Record<string, Mark>> = { Healthy: 'ok', Degraded: 'bad', Progressing: 'progressing', Paused: 'paused', Pending: 'waiting', Terminating: 'neutral' };
/** The phase of an InferenceService with its symbol. */
export const phaseSpan = (phase: string | undefined): Span => marked(PHASES[phase ?? ''] ?? 'unknown', phase ?? 'Unknown');

const ROLES: Readonly<Record<string, Tone>> = { stable: 'good', canary: 'warn', preview: 'busy', rejected: 'bad' };
export const roleTone = (role: string): Tone => ROLES[role] ?? 'quiet';
