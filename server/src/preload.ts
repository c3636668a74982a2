// Runs before anything else, in the process and in every worker of it (--import), but not in the threads of handlers: tfjs-node 4.22 calls a
// helper of node:util that Node 23 removed, and what is imported from here on is compiled once for all starts. Must import next to nothing.
import util from 'node:util';
import { keepCompiledCode } from './host/compile-cache.ts';

const host = util as unknown as { isNullOrUndefined?: (value: unknown) => boolean };
host.isNullOrUndefined ??= (value) => value === null || value === undefined;

keepCompiledCode(process.env['COMPILE_CACHE'] || undefined);
