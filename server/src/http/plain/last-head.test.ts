import { describe, expect, it } from 'vitest';
import { LastHead } from './last-head.ts';

const head = (text: string): Buffer => Buffer.from(`${text}\r\n\r\n`);

describe('the head that came last', () => {
  it('is known again, whatever follows it', () => {
    const last = new LastHead<string>();
    const bytes = Buffer.concat([head('POST /a'), Buffer.from('body')]);
    expect(last.find(bytes)).toBeUndefined();
    expect(last.keep(bytes, bytes.length - 4, 'a')).toBe('a');
    bytes.fill(0); // its memory is somebody else's
    expect(last.find(Buffer.concat([head('POST /a'), Buffer.from('other')]))).toBe('a');
    expect(last.find(head('POST /a'))).toBe('a');
  });

  it.each([['shorter', 'POST /'], ['longer', 'POST /ab'], ['another', 'POST /b'], ['in other letters', 'post /a']])('is not one that is %s', (_what, text) => {
    const last = new LastHead<string>();
    last.keep(head('POST /a'), 11, 'a');
    expect(last.find(head(text))).toBeUndefined();
  });

  it('is the last one', () => {
    const last = new LastHead<string>();
    for (const path of ['a', 'b']) last.keep(head(`POST /${path}`), 11, path);
    expect([last.find(head('POST /a')), last.find(head('POST /b'))]).toEqual([undefined, 'b']);
  });

  it('is not kept for a caller whose heads keep differing, but for one that comes back to the same', () => {
    const keepThree = (last: LastHead<string>): void => { for (const path of ['a', 'b', 'c']) last.keep(head(`POST /${path}`), 11, path); };
    const [differing, same] = [new LastHead<string>(), new LastHead<string>()];
    keepThree(differing);
    differing.keep(head('POST /d'), 11, 'd');
    expect(differing.find(head('POST /d'))).toBeUndefined();
    keepThree(same);
    expect(same.find(head('POST /c'))).toBe('c');
    same.keep(head('POST /d'), 11, 'd');
    expect(same.find(head('POST /d'))).toBe('d');
  });

  it('is not kept if it is long', () => {
    const last = new LastHead<string>();
    const long = head(`POST /${'x'.repeat(2000)}`);
    last.keep(long, long.length, 'long');
    expect(last.find(long)).toBeUndefined();
  });
});
