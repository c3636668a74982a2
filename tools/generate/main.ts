// npm run gen: writes every generated file. npm run verify: writes nothing, and fails naming each file that differs.
// Must not know what the files hold; each generator is a pure function that returns paths and texts.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { catalogueOutputs } from './catalogues.ts';
import { crdOutputs } from './crd.ts';
import type { Output } from './output.ts';
import { packageSchemaOutputs } from './package-schema.ts';
import { protoOutputs } from './protos.ts';
import { referenceOutputs } from './reference.ts';
import { runtimeOutputs } from './runtimes.ts';
import { valuesSchemaOutputs } from './values-schema.ts';

const root = path.resolve(import.meta.dirname, '../..');

export function allOutputs(): Output[] {
  return [...crdOutputs(), ...referenceOutputs(), ...catalogueOutputs(), ...runtimeOutputs(), ...valuesSchemaOutputs(), ...packageSchemaOutputs(), ...protoOutputs()];
}

async function differing(outputs: Output[]): Promise<Output[]> {
  const present = await Promise.all(outputs.map((output) => readFile(path.join(root, output.path), 'utf8').catch(() => undefined)));
  return outputs.filter((output, index) => present[index] !== output.text);
}

async function write(output: Output): Promise<void> {
  const file = path.join(root, output.path);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, output.text);
  console.log(`wrote ${output.path}`);
}

if (import.meta.main) {
  const stale = await differing(allOutputs());
  if (process.argv.includes('--check')) {
    for (const output of stale) console.error(`${output.path} is not what its source says; run: npm run gen`);
    process.exitCode = stale.length === 0 ? 0 : 1;
  } else {
    await Promise.all(stale.map(write));
  }
}
