// npm run sbom [FOLDER]: a software bill of materials (CycloneDX 1.5, JSON) for each image, in FOLDER or dist/sbom: the npm packages of
// which code is in the image, Node, and the native libraries, with their hashes. It must not know the format.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { sha256File } from '../cache.ts';
import { exec } from '../exec.ts';
import { bundle } from '../images/bundle.ts';
import { IMAGES } from '../images/spec.ts';
import type { ImageSpec } from '../images/spec.ts';
import { pinnedWheel } from '../tensorflow/wheel.ts';
import { componentOf, documentOf, packageFolders } from './inventory.ts';
import type { Component } from './inventory.ts';

const root = path.resolve(import.meta.dirname, '..', '..');
const TIMEOUT_MS = 120_000;

interface Manifest {
  name: string;
  version: string;
}

const manifestOf = async (folder: string): Promise<Manifest> => JSON.parse(await readFile(path.join(root, folder, 'package.json'), 'utf8')) as Manifest;

/** Everything that the lockfile names, as npm describes it. */
async function listedByNpm(): Promise<Component[]> {
  const text = await exec(['npm', 'sbom', '--sbom-format=cyclonedx', '--package-lock-only'], { cwd: root, timeoutMs: TIMEOUT_MS });
  return (JSON.parse(text) as { components: Component[] }).components;
}

async function node(): Promise<Component> {
  const version = process.versions.node;
  const content = await sha256File(process.execPath);
  return { 'bom-ref': `node@${version}`, type: 'platform', name: 'node', version, purl: `pkg:generic/node@${version}`, hashes: [{ alg: 'SHA-256', content }], licenses: [{ license: { id: 'MIT' } }] };
}

async function libtensorflow(): Promise<Component> {
  const requirements = await readFile(path.join(root, 'tools/tensorflow/libtensorflow.txt'), 'utf8');
  const { distribution: name, version, sha256: content } = pinnedWheel(requirements, process.arch);
  return { 'bom-ref': `${name}@${version}`, type: 'library', name, version, purl: `pkg:pypi/${name}@${version}`, hashes: [{ alg: 'SHA-256', content }], licenses: [{ license: { id: 'Apache-2.0' } }] };
}

/** Packages that an image carries as files beside its bundles: addons and their libraries. */
const nativePackages = (spec: ImageSpec): string[] => [...(spec.tensorflow ? ['@tensorflow/tfjs-node'] : []), ...(spec.onnx ? ['onnxruntime-node'] : [])];

async function componentsOf(spec: ImageSpec, listed: readonly Component[]): Promise<Component[]> {
  const { sources } = await bundle(root, spec.bundles);
  const require = createRequire(path.join(root, 'server/package.json'));
  const natives = nativePackages(spec).map((name) => path.relative(root, path.dirname(require.resolve(`${name}/package.json`))));
  const folders = [...new Set([...packageFolders(sources), ...natives])];
  const manifests = await Promise.all(folders.map(manifestOf));
  const packages = manifests.map(({ name, version }) => componentOf(listed, name, version));
  return [await node(), ...(spec.tensorflow ? [await libtensorflow()] : []), ...packages];
}

const folder = path.resolve(process.argv[2] ?? path.join(root, 'dist', 'sbom'));
await mkdir(folder, { recursive: true });
const listed = await listedByNpm();
const { version } = await manifestOf('.');
const commit = (await exec(['git', 'rev-parse', 'HEAD'], { cwd: root, timeoutMs: TIMEOUT_MS })).trim();
for (const spec of IMAGES) {
  const components = await componentsOf(spec, listed);
  const file = path.join(folder, `${spec.name}.cdx.json`);
  await writeFile(file, `${JSON.stringify(documentOf({ name: spec.name, title: spec.title, version, at: new Date().toISOString(), commit }, components), null, 2)}\n`);
  console.log(`${path.relative(root, file)}: ${components.length} components`);
}
