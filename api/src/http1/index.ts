// The reader of HTTP/1.1 that router and server share (docs/adr/0013): strict fields, and heads that are plain beyond doubt.
export * from './fields.ts';
export * from './plain-head.ts';
