import { describe, expect, it } from 'vitest';
import { asInferenceError, ERRORS, fromRecord, InferenceError, problemFor, toRecord } from './errors.ts';

describe('the catalogue', () => {
  it('every code is a sentence with a status, and what may be tried again says when', () => {
    for (const [code, entry] of Object.entries(ERRORS)) {
      expect(code).toMatch(/^[a-z_]+$/);
      expect(entry.meaning, code).toMatch(/\.$/);
      expect(entry.status).toBeGreaterThanOrEqual(400);
      if ([429, 503, 504].includes(entry.status)) expect('retryAfterSeconds' in entry, code).toBe(true);
    }
  });
});

describe('an error', () => {
  it('crosses a thread unchanged', () => {
    const error = new InferenceError('invalid_input', 'no', { errors: [{ path: 'x', expected: 'a', got: 'b' }] });
    const copy = fromRecord(structuredClone(toRecord(error)));
    expect(copy).toMatchObject({ code: 'invalid_input', message: 'no', errors: error.errors, status: 400 });
  });

  it('is problem+json with its request id', () => {
    expect(problemFor(new InferenceError('queue_full', 'wait'), 'id-1')).toEqual({ type: 'urn:slipway:error:queue_full', title: 'Queue full', status: 429, detail: 'wait', code: 'queue_full', requestId: 'id-1', errors: [] });
  });

  it('that is not ours tells the caller nothing of the inside', () => {
    const error = asInferenceError(new TypeError('secret path /etc'));
    expect(error.code).toBe('internal_error');
    expect(error.message).not.toContain('secret');
  });
});
