// Owns what a package's handlers cannot reach in their thread: native code, Node's modules, other packages, the environment, the network,
// files outside the package. A fence against accidents and native code, not a prison for hostile code: that is what ALLOW_HANDLERS is for.
import { realpathSync } from 'node:fs';
import { registerHooks } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const REMOVED = ['process', 'fetch', 'WebSocket', 'EventSource', 'BroadcastChannel'];

/** Called once, before the package's module is imported. */
export function fence(folder: string): void {
  const root = realpathSync(folder) + path.sep;
  registerHooks({
    resolve: (specifier, context, next) => {
      if (!/^(\.{1,2}\/|file:)/.test(specifier)) throw new Error(`a handler imports ${specifier}; it may import other .mjs files of its package only, by relative paths`);
      const resolved = next(specifier, context);
      const file = realpathSync(fileURLToPath(resolved.url));
      if (!file.startsWith(root) || !file.endsWith('.mjs')) throw new Error(`a handler imports ${specifier}; it may import .mjs files inside its package only`);
      return resolved;
    },
  });
  for (const name of ['dlopen', 'binding', 'getBuiltinModule', 'kill'] as const) Object.defineProperty(process, name, { value: refuse, configurable: false });
  for (const name of REMOVED) Reflect.deleteProperty(globalThis, name);
}

function refuse(): never {
  throw new Error('handlers run without native code');
}
