// Owns what a generator hands over. Must not know files.

/** One generated file: path relative to the repository root, and its whole text. */
export interface Output {
  path: string;
  text: string;
}
