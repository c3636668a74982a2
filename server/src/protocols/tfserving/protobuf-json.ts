// Owns protobuf's own JSON with white space: one space of indent, a line for everything, a line end after the root. PURE.

/** A value to print; every field is given, defaults too, for that is how TensorFlow Serving prints its messages. */
export type Printable = string | boolean | readonly Printable[] | { readonly [name: string]: Printable };

/** 64-bit integers are strings in protobuf's JSON, so there is no number here. */
export const protobufJson = (value: Printable): string => `${text(value, '')}\n`;

function text(value: Printable, indent: string): string {
  if (typeof value !== 'object') return JSON.stringify(value);
  const deeper = `${indent} `;
  const [open, close] = isList(value) ? ['[', ']'] : ['{', '}'];
  const items = isList(value)
    ? value.map((item) => deeper + text(item, deeper))
    : Object.entries(value).map(([name, member]) => `${deeper}${JSON.stringify(name)}: ${text(member, deeper)}`);
  return items.length === 0 ? open + close : `${open}\n${items.join(',\n')}\n${indent}${close}`;
}

const isList = (value: object): value is readonly Printable[] => Array.isArray(value);
