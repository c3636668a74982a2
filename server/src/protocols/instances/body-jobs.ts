// Owns the work in the body thread for protocols whose bodies are instances: parse, check and convert a body; print an answer. PURE.
// It is told the models that the body may be for.
import { meaning } from '../../inference/errors.ts';
import type { ServingSpec } from '../../inference/spec.ts';
import type { Kind } from '../../models/registry.ts';
import type { CallResult } from '../../pipeline/call.ts';
import type { Done, Jobs } from '../bodies/job.ts';
import { bufferOf, memoryOf } from '../bodies/memory.ts';
import { prepareItem } from '../bodies/prepare.ts';
import { FORMATS, type Decoded, type Protocol, type Wish } from './formats.ts';

/** The model that is meant, for each kind of body. */
export type Specs = Partial<Readonly<Record<Kind, ServingSpec>>>;

export interface ReadJob {
  protocol: Protocol;
  bytes: Uint8Array<ArrayBuffer>;
  contentType: string;
  specs: Specs;
}

/** What the body brings to which model; or, where that model was not told, the kind to look for and the body back. */
export type ReadDone = { spec: Pick<ServingSpec, 'name' | 'version'>; decoded: Decoded } | { takes: Kind; bytes: Uint8Array<ArrayBuffer> };

export interface WriteJob {
  protocol: Protocol;
  result: CallResult;
  wish: Wish;
}

export const READ = 'instances.read';
export const WRITE = 'instances.write';

function read({ protocol, bytes, contentType, specs }: ReadJob): Done & { value: ReadDone } {
  const format = FORMATS[protocol];
  const opened = format.open(bufferOf(bytes), contentType);
  const spec = specs[opened.takes];
  if (spec === undefined) return { value: { takes: opened.takes, bytes }, transfer: [bytes.buffer] };
  const decoded = meaning(spec, () => opened.decode(spec));
  const item = meaning(spec, () => prepareItem(decoded.item, spec));
  return { value: { spec: { name: spec.name, version: spec.version }, decoded: { ...decoded, item } }, transfer: memoryOf(item.prepared?.tensors ?? []) };
}

export const INSTANCES_JOBS = {
  [READ]: { weigh: ({ protocol, bytes, contentType }: ReadJob): number => FORMATS[protocol].cost(bytes, contentType), run: read },
  [WRITE]: {
    run: ({ protocol, result, wish }: WriteJob): Done => {
      const { type, body } = FORMATS[protocol].print(result, wish);
      const bytes = new TextEncoder().encode(body);
      return { value: { type, bytes }, transfer: [bytes.buffer] };
    },
  },
} satisfies Jobs;
