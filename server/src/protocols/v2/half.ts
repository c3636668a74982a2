// Owns IEEE 754 half precision <-> single precision. PURE. float16 tensors are held as float32 and travel as two bytes.

const bits = new Uint32Array(1);
const float = new Float32Array(bits.buffer);
const SUBNORMAL_UNIT = 2 ** -24;
const OVERFLOW = 65_520;
const SMALLEST_NORMAL = 2 ** -14;

/** The value of the 16 bits of a half. */
export function fromHalf(half: number): number {
  const sign = (half & 0x8000) === 0 ? 1 : -1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * SUBNORMAL_UNIT;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The 16 bits of the half nearest to a float32; ties go to the even one. */
export function toHalf(value: number): number {
  float[0] = value;
  const word = bits[0] ?? 0;
  const sign = (word >>> 16) & 0x8000;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (size >= OVERFLOW) return sign | 0x7c00;
  if (size < SMALLEST_NORMAL) return sign | roundEven(size / SUBNORMAL_UNIT);
  const kept = word & 0x7fff_ffff;
  const rounded = kept + 0xfff + ((kept >>> 13) & 1);
  return sign | ((rounded - 0x3800_0000) >>> 13);
}

function roundEven(value: number): number {
  const down = Math.floor(value);
  const rest = value - down;
  return rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? down + 1 : down;
}
