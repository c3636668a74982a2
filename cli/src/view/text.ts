// Owns lines of toned text: cutting, wrapping and lining up columns. Must not know colours, terminals or Kubernetes.

export type Tone = 'plain' | 'good' | 'bad' | 'warn' | 'busy' | 'quiet' | 'strong';
export interface Span { readonly text: string; readonly tone: Tone }
/** One line of output, without a line end. */
export type Line = readonly Span[];

export const span = (text: string, tone: Tone = 'plain'): Span => ({ text, tone });
export const line = (text: string, tone: Tone = 'plain'): Line => [span(text, tone)];
export const lengthOf = (spans: Line): number => spans.reduce((sum, each) => sum + [...each.text].length, 0);
/** The line without tones. */
export const plain = (spans: Line): string => spans.map((each) => each.text).join('').trimEnd();

/** Cuts at `width` characters; what is cut off leaves an ellipsis. */
export function fit(spans: Line, width: number): Line {
  if (lengthOf(spans) <= width) return spans;
  const out: Span[] = [];
  let left = width - 1;
  for (const each of spans) {
    const text = [...each.text].slice(0, left).join('');
    out.push({ ...each, text });
    left -= [...text].length;
  }
  return [...out, span('…')];
}

/** Keeps the end, which tells names apart. */
export const keepEnd = (text: string, width: number): string => ([...text].length <= width ? text : `…${[...text].slice(1 - width).join('')}`);

/** Breaks a text at spaces into pieces of at most `width` characters; a longer word is cut. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of text.split(/\s+/).flatMap((each) => pieces(each, width))) {
    if (current !== '' && current.length + 1 + word.length > width) {
      lines.push(current);
      current = word;
    } else current = current === '' ? word : `${current} ${word}`;
  }
  return current === '' ? lines : [...lines, current];
}

const pieces = (word: string, width: number): string[] => (word.length <= width ? [word] : [word.slice(0, width), ...pieces(word.slice(width), width)]);

const padded = (cell: Line, width: number): Line => [...cell, span(' '.repeat(Math.max(0, width - lengthOf(cell))))];

/** Columns two spaces apart under their heads, each as wide as its widest cell. */
export function table(heads: readonly string[], rows: readonly (readonly Line[])[]): Line[] {
  const all = [heads.map((head) => line(head, 'strong')), ...rows];
  const widths = heads.map((_, column) => Math.max(...all.map((row) => lengthOf(row[column] ?? []))));
  return all.map((row) => row.flatMap((cell, column) => (column === heads.length - 1 ? cell : [...padded(cell, widths[column] ?? 0), span('  ')])));
}
