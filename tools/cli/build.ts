// Owns making the kubectl plugin one executable file that runs on any Node from 22.19 on. Must not know what it does.
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import { BANNER } from '../images/bundle.ts';

/** kubectl finds `kubectl isvc` as the first executable of this name on PATH. */
export const PLUGIN = 'kubectl-isvc';

const HEAD = `#!/usr/bin/env node
const [__major, __minor] = process.versions.node.split('.').map(Number);
if (__major < 22 || (__major === 22 && __minor < 19)) {
  process.stderr.write('kubectl-isvc needs Node 22.19 or newer; this is ' + process.version + '\\n');
  process.exit(2);
}
${BANNER}`;

/** Bundles the plugin of the checkout at `root` into `folder`; returns the file. Throws esbuild's message if a source does not compile. */
export async function buildPlugin(root: string, folder: string): Promise<string> {
  const file = path.join(folder, PLUGIN);
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ['cli/src/main.ts'],
    outfile: file,
    write: false,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    banner: { js: HEAD },
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    logLevel: 'silent',
  });
  await mkdir(folder, { recursive: true });
  await writeFile(file, outputFiles[0]?.contents ?? '');
  await chmod(file, 0o755);
  return file;
}
