// The sample models as files of an image: the package folders below models/, not the scripts and YAMLs around them.
// It must not know what a model is.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { exists } from '../cache.ts';
import type { Entry } from './tar.ts';

/** Entries for every `<name>/<version>/` below `folder` that has a model.yaml, to lie at /models in the image. */
export async function sampleModelEntries(folder: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const name of await subfolders(folder)) {
    for (const version of await subfolders(path.join(folder, name))) {
      const directory = path.join(folder, name, version);
      if (await exists(path.join(directory, 'model.yaml'))) entries.push(...(await packageEntries(directory, `models/${name}/${version}`)));
    }
  }
  return entries;
}

async function subfolders(folder: string): Promise<string[]> {
  return (await readdir(folder, { withFileTypes: true })).filter((each) => each.isDirectory()).map((each) => each.name).sort();
}

async function packageEntries(directory: string, at: string): Promise<Entry[]> {
  const found = await readdir(directory, { recursive: true, withFileTypes: true });
  return found.filter((each) => each.isFile()).map((each) => {
    const file = path.join(each.parentPath, each.name);
    return { path: `${at}/${path.relative(directory, file)}`, mode: 0o644, kind: 'file', file };
  });
}
