// Owns the shape of a cause: a reason of the catalogue, what was seen, and the catalogue's advice, in one message.
// Must not know what was seen where.
import { REASONS } from '@slipway/api';
import type { Reason } from '@slipway/api';
import type { Because } from '../rollout/index.ts';

/** A reason of the catalogue and what was seen, without advice. */
export interface Finding {
  reason: Reason;
  seen: string;
}

export const finding = (reason: Reason, seen: string): Finding => ({ reason, seen });

const LONGEST_DETAIL = 600;

export const isReason = (text: string): text is Reason => Object.hasOwn(REASONS, text);

/** A cause and the catalogue's advice. */
export function cause(reason: Reason, detail: string): Because {
  const said = detail.trim().replace(/\s+/g, ' ').slice(0, LONGEST_DETAIL);
  const advice = REASONS[reason].advice;
  return { reason, message: said === '' ? advice : `${said.replace(/[.;]$/, '')}. ${advice}` };
}
