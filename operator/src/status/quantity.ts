// Owns reading and writing Kubernetes quantities (100m, 1.5Gi, 2e3) as numbers. Must not know which resource one is of, but how people
// like to read it.

const FACTORS: Readonly<Record<string, number>> = {
  n: 1e-9, u: 1e-6, m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18,
  Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60,
};
const SIZES = ['Ti', 'Gi', 'Mi', 'Ki'];

/** Cores, bytes or pieces; 0 for what is no quantity. */
export function quantityOf(text: string | number): number {
  const [, digits = '', exponent = '', suffix = ''] = /^([0-9.]+)(?:([eE][+-]?[0-9]+)|([a-zA-Z]{0,2}))$/.exec(String(text)) ?? [];
  const value = Number(`${digits}${exponent}`) * (FACTORS[suffix] ?? Number.NaN);
  return digits === '' || Number.isNaN(value) ? 0 : value;
}

/** An amount for people, rounded up: 250m, 3, 1.5Gi. */
export function quantityText(amount: number, resource: string): string {
  if (resource === 'cpu') return amount < 10 ? `${Math.ceil(amount * 1000)}m` : `${Math.ceil(amount)}`;
  const size = SIZES.find((unit) => amount >= (FACTORS[unit] ?? 1));
  if (!/memory|storage|hugepages/.test(resource) || size === undefined) return `${Math.ceil(amount)}`;
  return `${Math.ceil((amount / (FACTORS[size] ?? 1)) * 10) / 10}${size}`;
}
