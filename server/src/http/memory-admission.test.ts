// Memory for bodies whose size nobody knew: set aside as they come, given back at once.
import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { growing } from './memory-admission.ts';

it('a body of many pieces waits for its end once, and gives all of its memory back then', () => {
  const raw = new EventEmitter();
  let aside = 0;
  const admit = (bytes: number): (() => void) => {
    aside += bytes;
    return () => { aside -= bytes; };
  };
  const grown = growing({ admit }, { raw });
  grown(65_536);
  expect([aside, raw.listenerCount('close')]).toEqual([0, 0]);
  for (let piece = 0; piece < 64; piece++) grown(1_048_576);
  expect([aside, raw.listenerCount('close')]).toEqual([64 * 4 * 1_048_576, 1]);
  raw.emit('close');
  expect(aside).toBe(0);
});
