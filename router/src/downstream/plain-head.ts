// Owns the reading of plain requests: HTTP/1.1, one of the usual methods, a path, one Host, at most one Content-Length, and nothing that
// changes how the message is framed or how the connection goes on. Pure; must not know sockets.
// It refuses nothing: what is not plain beyond doubt is read by Node's parser, which decides. What is taken here must mean the same there.
import { readFields } from '../fields.ts';
import type { FlatHeaders } from '../upstream/exchange.ts';

export interface PlainHead {
  method: string;
  target: string;
  headers: FlatHeaders;
  /** Bytes of the head, with its empty line. */
  size: number;
  /** Bytes of the body; 0: none. */
  length: number;
}

const REQUEST_LINE = /^(GET|POST|PUT|PATCH|DELETE) (\/[\x21-\x7e]*) HTTP\/1\.1(?:\r\n|$)/;
const END = Buffer.from('\r\n\r\n');
/** A longer number may not be one to every reader. */
const LENGTH = /^[0-9]{1,15}$/;
/** Node has a limit of its own, far above. */
const MAX_FIELDS = 100;

/** Fields that matter here; the others need not even be looked at. */
type Note = (notes: Notes, value: string) => void;

interface Notes {
  hosts: number;
  length: string | undefined;
  plain: boolean;
}

/** These need a reader that knows more of HTTP than this one. */
const notPlain: Note = (notes) => {
  notes.plain = false;
};

const NOTES: ReadonlyMap<string, Note> = new Map<string, Note>([
  ['host', (notes) => { notes.hosts++; }],
  ['content-length', (notes, value) => {
    if (notes.length !== undefined || !LENGTH.test(value)) notes.plain = false;
    notes.length = value;
  }],
  ['connection', (notes, value) => {
    if (value.toLowerCase() !== 'keep-alive') notes.plain = false;
  }],
  ['transfer-encoding', notPlain],
  ['upgrade', notPlain],
  ['expect', notPlain],
  ['trailer', notPlain],
  ['http2-settings', notPlain],
  ['proxy-connection', notPlain],
]);
const LENGTHS: ReadonlySet<number> = new Set([...NOTES.keys()].map((name) => name.length));

/** Bytes of the body that the fields tell; undefined: not plain. */
function lengthOf(headers: FlatHeaders): number | undefined {
  const notes: Notes = { hosts: 0, length: undefined, plain: true };
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (LENGTHS.has(name.length)) NOTES.get(name.toLowerCase())?.(notes, headers[i + 1] as string);
  }
  return notes.plain && notes.hosts === 1 ? Number(notes.length ?? 0) : undefined;
}

/** The head that `bytes` begin with, if all of it is here and it is plain. */
export function readPlainHead(bytes: Buffer, maxBytes: number): PlainHead | undefined {
  const end = bytes.indexOf(END);
  if (end < 0 || end > maxBytes) return undefined;
  const text = bytes.toString('latin1', 0, end);
  const line = REQUEST_LINE.exec(text);
  if (line === null) return undefined;
  const headers: FlatHeaders = [];
  if (readFields(text, line[0].length, headers) >= 0 || headers.length > 2 * MAX_FIELDS) return undefined;
  const length = lengthOf(headers);
  return length === undefined ? undefined : { method: line[1] as string, target: line[2] as string, headers, size: end + END.length, length };
}
