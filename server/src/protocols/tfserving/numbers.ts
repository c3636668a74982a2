// Owns how TensorFlow Serving prints a floating-point number: six significant digits as C's %g; if those do not read back to the same
// value, nine (float32) or seventeen (float64). PURE. JavaScript's own shortest form differs, and clients compare texts.

/** Digits that always read back to the same value. */
const FULL = { float32: 9, float64: 17 } as const;
export type Width = keyof typeof FULL;

const SHORT = 6;
/** More than enough to see whether the digits of a float end: a float32 has at most 112, and those that tie have few. */
const EXACT = 60;

/** `1` -> `1.0`, 9000000 -> `9e+06`, 1/3 -> `0.333333343` (float32); NaN, Infinity and -Infinity as bare words. */
export function decimal(value: number, width: Width): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const short = rounded(value, SHORT);
  const same = width === 'float32' ? Math.fround(Number(short)) === value : Number(short) === value;
  const text = same ? written(short, SHORT) : written(rounded(value, FULL[width]), FULL[width]);
  return text.includes('.') || text.includes('e') ? text : `${text}.0`;
}

/** C's `%.<digits>g`. */
export function general(value: number, digits: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  return written(rounded(value, digits), digits);
}

/** `d.ddde±x` with that many digits; a tie goes to the even digit, as in C and unlike toExponential. */
function rounded(value: number, digits: number): string {
  const text = value.toExponential(digits - 1);
  return mayTie(value, digits) ? toEven(value, digits, text) : text;
}

/** All digits of a number are dear to know; where the next one is no five that ends them, they need not be known. */
function mayTie(value: number, digits: number): boolean {
  const longer = value.toExponential(digits);
  return longer[longer.indexOf('e') - 1] === '5' && Number(longer) === value;
}

function toEven(value: number, digits: number, text: string): string {
  const exact = value.toExponential(EXACT);
  const start = value < 0 ? 1 : 0;
  const rest = exact.slice(start + digits + 1, exact.indexOf('e'));
  if (!/^50*$/.test(rest)) return text;
  const down = exact.slice(0, start + digits + 1) + exact.slice(exact.indexOf('e'));
  return Number(exact[start + digits]) % 2 === 0 ? down : text;
}

/** As `%g` writes what was rounded to that many digits. */
function written(scientific: string, digits: number): string {
  const at = scientific.indexOf('e');
  const exponent = Number(scientific.slice(at + 1));
  const sign = scientific.startsWith('-') ? '-' : '';
  const figures = withoutZeros(scientific[sign.length] + scientific.slice(sign.length + 2, at));
  return sign + (exponent < -4 || exponent >= digits ? withExponent(figures, exponent) : plain(figures, exponent));
}

function withoutZeros(figures: string): string {
  let end = figures.length;
  while (end > 1 && figures[end - 1] === '0') end -= 1;
  return figures.slice(0, end);
}

function withExponent(figures: string, exponent: number): string {
  const power = String(Math.abs(exponent)).padStart(2, '0');
  return `${figures.slice(0, 1)}${figures.length === 1 ? '' : `.${figures.slice(1)}`}e${exponent < 0 ? '-' : '+'}${power}`;
}

function plain(figures: string, exponent: number): string {
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${figures}`;
  const whole = exponent + 1;
  return figures.length <= whole ? figures.padEnd(whole, '0') : `${figures.slice(0, whole)}.${figures.slice(whole)}`;
}
