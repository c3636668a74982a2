// node tools/run.mjs SCRIPT [ARGS]: runs any script of the checkout (compiler, linter, generators) on the pinned Node.
import { enter } from './entry.mjs';

const [script, ...args] = process.argv.slice(2);
if (script === undefined) {
  process.stderr.write('usage: node tools/run.mjs SCRIPT [ARGS]\n');
  process.exit(2);
}
await enter(script, args);
