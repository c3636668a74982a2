// Owns the reading of plain requests: HTTP/1.1, one of the usual methods, a path, one Host, at most one Content-Length or a chunked body, and
// nothing else that changes how the message is framed or how the connection goes on. Pure; must not know sockets.
// It refuses nothing: what is not plain beyond doubt is read by Node's parser, which decides. What is taken here must mean the same there.
import { readFields, type FlatFields } from './fields.ts';

export interface PlainHead {
  method: string;
  target: string;
  headers: FlatFields;
  /** Bytes of the head, with its empty line. */
  size: number;
  /** Bytes of the body, if it is not chunked; 0: none. */
  length: number;
  chunked: boolean;
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
  chunked: boolean;
  plain: boolean;
}

/** How the body is told. */
type Framing = Pick<PlainHead, 'length' | 'chunked'>;

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
  ['transfer-encoding', (notes, value) => {
    if (notes.chunked || value.toLowerCase() !== 'chunked') notes.plain = false;
    notes.chunked = true;
  }],
  ['upgrade', notPlain],
  ['expect', notPlain],
  ['trailer', notPlain],
  ['http2-settings', notPlain],
  ['proxy-connection', notPlain],
]);
const LENGTHS: ReadonlySet<number> = new Set([...NOTES.keys()].map((name) => name.length));

/** What the fields tell of the body; undefined: not plain. */
function framingOf(headers: FlatFields): Framing | undefined {
  const notes: Notes = { hosts: 0, length: undefined, chunked: false, plain: true };
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (LENGTHS.has(name.length)) NOTES.get(name.toLowerCase())?.(notes, headers[i + 1] as string);
  }
  const { plain, hosts, chunked, length } = notes;
  return plain && hosts === 1 && !(chunked && length !== undefined) ? { length: Number(length ?? 0), chunked } : undefined;
}

/** The head that `bytes` begin with, if all of it is here and it is plain. */
export function readPlainHead(bytes: Buffer, maxBytes: number): PlainHead | undefined {
  const end = bytes.indexOf(END);
  if (end < 0 || end > maxBytes) return undefined;
  const text = bytes.toString('latin1', 0, end);
  const line = REQUEST_LINE.exec(text);
  if (line === null) return undefined;
  const headers: FlatFields = [];
  if (readFields(text, line[0].length, headers) >= 0 || headers.length > 2 * MAX_FIELDS) return undefined;
  const framing = framingOf(headers);
  return framing === undefined ? undefined : { method: line[1] as string, target: line[2] as string, headers, size: end + END.length, ...framing };
}
