// Makes a corpus small: of many inputs those few that reach all branches which the inputs to begin with do not, each cut to what it needs
// for that. Pure given `reach`.

/** Branches that an input reaches. */
type Reach = (bytes: Buffer) => ReadonlySet<number>;

const without = (found: ReadonlySet<number>, covered: ReadonlySet<number>): number[] => [...found].filter((branch) => !covered.has(branch));

/** @param beginning inputs that are there anyway */
export function minimised(inputs: readonly Buffer[], beginning: readonly Buffer[], reach: Reach): Buffer[] {
  const covered = new Set(beginning.flatMap((bytes) => [...reach(bytes)]));
  let waiting = inputs.map((bytes) => ({ bytes, found: reach(bytes) }));
  const kept: Buffer[] = [];
  for (;;) {
    waiting = waiting.filter(({ found }) => without(found, covered).length > 0);
    const best = waiting.reduce<(typeof waiting)[number] | undefined>((one, other) => (one === undefined || gain(other, covered) > gain(one, covered) ? other : one), undefined);
    if (best === undefined) return kept;
    const bytes = cut(best.bytes, without(best.found, covered), reach);
    for (const branch of reach(bytes)) covered.add(branch);
    kept.push(bytes);
  }
}

/** Many new branches count, and among equals few bytes. */
const gain = ({ bytes, found }: { bytes: Buffer; found: ReadonlySet<number> }, covered: ReadonlySet<number>): number => without(found, covered).length - bytes.length / (bytes.length + 1);

/** Pieces are taken out, large ones first, as long as all that is needed is still reached. */
function cut(from: Buffer, needed: readonly number[], reach: Reach): Buffer {
  let bytes = from;
  for (let size = Math.floor(bytes.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < bytes.length; ) {
      const shorter = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + size)]);
      const found = reach(shorter);
      if (needed.every((branch) => found.has(branch))) bytes = shorter;
      else at += size;
    }
  }
  return bytes;
}
