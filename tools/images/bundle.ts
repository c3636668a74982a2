// Bundles a program of ours, with what it imports, into a few JavaScript files for an image. Both image builders (ours and the
// Dockerfile) use it. It must not know about layers.
import path from 'node:path';
import { readFile } from 'node:fs/promises';
import { build, type BuildOptions, type Plugin } from 'esbuild';
import { ADDON, ONNXRUNTIME } from './spec.ts';

/** One file of a bundle; `name` is relative to the image's /app. */
export interface BundledFile { readonly name: string; readonly bytes: Uint8Array }

/** A bundle, and every file it was made of, relative to the root. */
export interface Bundle { readonly files: readonly BundledFile[]; readonly sources: readonly string[] }

/** Namespace of the sources that are no files. */
const VIRTUAL = 'virtual';

// CommonJS dependencies inside an ES module need what CommonJS gave them.
export const BANNER = `import { createRequire as __createRequire } from 'node:module';
const require = __createRequire(import.meta.url), __filename = import.meta.filename, __dirname = import.meta.dirname;`;

/**
 * Bundles the given entry points (bundle name -> source, relative to `root`) together: `<name>.mjs` each, plus the workers that they
 * start by `new URL('./x.ts', import.meta.url)`, plus chunks that they share. Throws esbuild's message if a source does not compile.
 */
export async function bundle(root: string, entryPoints: Readonly<Record<string, string>>): Promise<Bundle> {
  const workers = new Map<string, string>();
  const made = await bundleOnce(root, entryPoints, workers);
  const found = { ...entryPoints };
  for (const [source, name] of workers) {
    const file = path.relative(root, source);
    if ((found[name] ?? file) !== file) throw new Error(`${file} and ${found[name]} would both become ${name}.mjs; one needs another name`);
    found[name] = file;
  }
  return Object.keys(found).length === Object.keys(entryPoints).length ? made : bundle(root, found);
}

async function bundleOnce(root: string, entryPoints: Readonly<Record<string, string>>, workers: Map<string, string>): Promise<Bundle> {
  const outdir = path.join(root, 'dist');
  const options: BuildOptions & { write: false; metafile: true } = {
    absWorkingDir: root,
    entryPoints: { ...entryPoints },
    outdir,
    write: false,
    metafile: true,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    outExtension: { '.js': '.mjs' },
    chunkNames: 'chunk-[hash]',
    banner: { js: BANNER },
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    logLevel: 'silent',
    plugins: [workerUrls(root, workers), addonPath, onnxAddonPath],
  };
  const { outputFiles, metafile } = await build(options);
  return {
    files: outputFiles.map((file) => ({ name: path.relative(outdir, file.path), bytes: file.contents })),
    sources: Object.keys(metafile.inputs).filter((source) => !source.startsWith(`${VIRTUAL}:`)),
  };
}

/**
 * In our sources `new URL('./x.ts', import.meta.url)` names a worker or module by its source; in an image it is the bundle `x.mjs`.
 * Notes each in `workers`: source file -> bundle name.
 */
function workerUrls(root: string, workers: Map<string, string>): Plugin {
  const isOurs = (file: string): boolean => file.startsWith(root + path.sep) && !file.includes('node_modules');
  return {
    name: 'worker-urls',
    setup(plugin): void {
      plugin.onLoad({ filter: /\.ts$/ }, async ({ path: file }) => {
        if (!isOurs(file)) return undefined;
        const { contents, sources } = bundledUrls(await readFile(file, 'utf8'));
        for (const source of sources) workers.set(path.resolve(path.dirname(file), source), path.basename(source, '.ts'));
        return { contents, loader: 'ts' };
      });
    },
  };
}

/** Replaces source names in `new URL(<source>, import.meta.url)` by the names of their bundles; returns the names that were replaced. */
export function bundledUrls(source: string): { contents: string; sources: string[] } {
  const sources: string[] = [];
  const contents = source.replaceAll(/new URL\((['"])([^'"]+\.ts)\1,\s*import\.meta\.url\)/g, (_whole, _quote, file: string) => {
    sources.push(file);
    return `new URL('./${path.basename(file, '.ts')}.mjs', import.meta.url)`;
  });
  return { contents, sources };
}

/** tfjs-node asks node-pre-gyp, a packaging tool, where its addon is. In an image there is one answer. */
const addonPath: Plugin = {
  name: 'addon-path',
  setup(plugin): void {
    plugin.onResolve({ filter: /^@mapbox\/node-pre-gyp$/ }, () => ({ path: 'node-pre-gyp', namespace: VIRTUAL }));
    plugin.onLoad({ filter: /.*/, namespace: VIRTUAL }, () => ({ contents: `exports.find = () => ${JSON.stringify(ADDON)};`, loader: 'js' }));
  },
};

/** onnxruntime-node has addons for every platform and picks one by name at run time. In an image there is one. */
const onnxAddonPath: Plugin = {
  name: 'onnx-addon-path',
  setup(plugin): void {
    plugin.onLoad({ filter: /onnxruntime-node\/dist\/binding\.js$/ }, async ({ path: file }) => {
      const source = await readFile(file, 'utf8');
      const contents = source.replace(/require\(`[^`]*onnxruntime_binding\.node`\)/, `require(${JSON.stringify(`${ONNXRUNTIME}/onnxruntime_binding.node`)})`);
      if (contents === source) throw new Error(`${file} no longer says where its addon is; the image would have none`);
      return { contents, loader: 'js' };
    });
    plugin.onResolve({ filter: /^\/opt\/onnxruntime\// }, ({ path: file }) => ({ path: file, external: true }));
  },
};
