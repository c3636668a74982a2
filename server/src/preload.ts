// Runs before anything else, in the process and in every worker (--import): tfjs-node 4.22 calls a helper of node:util that
// Node 23 removed. Must not import anything but node:util.
import util from 'node:util';

const host = util as unknown as { isNullOrUndefined?: (value: unknown) => boolean };
host.isNullOrUndefined ??= (value) => value === null || value === undefined;
