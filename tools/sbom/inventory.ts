// What is in an image, as components of a CycloneDX document: the npm packages of which code is in its bundles, and what is not from npm.
// Pure. It must not know how bundles are made or npm is run.

/** A component as CycloneDX 1.5 has it; npm's own fields go through unchanged. */
export interface Component {
  readonly 'bom-ref'?: string;
  readonly type: string;
  readonly name: string;
  readonly version: string;
  readonly purl?: string;
  readonly hashes?: readonly { alg: string; content: string }[];
  readonly licenses?: readonly unknown[];
  readonly [field: string]: unknown;
}

/** Folder of the npm package that a bundled source is from, relative to the root; undefined for our own. */
export function packageFolderOf(source: string): string | undefined {
  const parts = source.split('/');
  const at = parts.lastIndexOf('node_modules');
  if (at === -1) return undefined;
  const name = parts[at + 1]?.startsWith('@') === true ? 2 : 1;
  return parts.slice(0, at + 1 + name).join('/');
}

/** Folders of all npm packages in a bundle, sorted. */
export const packageFolders = (sources: readonly string[]): string[] => [...new Set(sources.flatMap((source) => packageFolderOf(source) ?? []))].sort();

/** npm's component of a package. Throws an Error if npm does not list it: then the lockfile and node_modules differ. */
export function componentOf(listed: readonly Component[], name: string, version: string): Component {
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  const found = listed.find((each) => each.purl === purl);
  if (found === undefined) throw new Error(`${name} ${version} is in an image and not in the lockfile; run npm ci`);
  return found;
}

export interface ImageFacts {
  readonly name: string;
  readonly title: string;
  readonly version: string;
  /** RFC 3339. */
  readonly at: string;
  /** Commit the image is built from. */
  readonly commit: string;
}

/** The document of one image. */
export function documentOf(image: ImageFacts, components: readonly Component[]): Record<string, unknown> {
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: {
      timestamp: image.at,
      component: {
        'bom-ref': `slipway/${image.name}@${image.version}`,
        type: 'container',
        name: `slipway/${image.name}`,
        version: image.version,
        description: image.title,
        licenses: [{ license: { id: 'Apache-2.0' } }],
        properties: [{ name: 'slipway:commit', value: image.commit }],
      },
    },
    components,
  };
}
