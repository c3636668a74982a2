// Owns the process of the plugin: streams, signals, exit code. No logic.
import { text } from 'node:stream/consumers';
import { readFile } from 'node:fs/promises';
import { systemClock } from '@slipway/kube';
import { createOutput } from './print/output.ts';
import { run } from './program.ts';

const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
process.once('SIGTERM', () => stop.abort());
// The reader of a pipe may leave early, as `head` does.
process.stdout.on('error', () => process.exit(0));

process.exitCode = await run(process.argv.slice(2), {
  output: createOutput(process.stdout, process.stderr, process.env),
  clock: systemClock,
  random: Math.random,
  signal: stop.signal,
  read: (path) => (path === '-' ? text(process.stdin) : readFile(path, 'utf8')),
});
