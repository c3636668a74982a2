// Owns the one visible list of the protocols whose bodies are instances: how each reads a body and prints an answer, on the event loop and
// in the body thread alike. PURE.
import { jsonCost } from '../../http/json-cost.ts';
import type { ServingSpec } from '../../inference/spec.ts';
import type { Kind } from '../../models/registry.ts';
import type { CallResult, Item } from '../../pipeline/call.ts';
import { decodeInvocation, decodeScore, decodeVertex, encodeInvocation, encodeScore, encodeVertex, isCsv, type Body } from '../clouds/codec.ts';
import { csvCost } from '../clouds/csv.ts';
import { decodeBody as decodeKserve } from '../kserve/codec.ts';
import { decodeBody as decodeTorchServe, encodePrediction, holdsPicture, type Shape } from '../torchserve/codec.ts';
import { itemFor, kindOf, predictionsBody, type Sent } from './instances.ts';

export type Protocol = 'kserve-v1' | 'torchserve' | 'sagemaker' | 'vertex' | 'azure';

/** What a body brings, and how it is to be answered where its own form says so. */
export interface Decoded {
  item: Item;
  shape?: Shape;
}

/** A body for a model that is yet to be found. */
export interface Opened {
  /** What it brings, to find the one model that fits where none is named. */
  takes: Kind;
  /** @throws InferenceError */
  decode(spec: ServingSpec): Decoded;
}

/** How the caller wants the answer. */
export interface Wish {
  accept: string;
  /** As the body was decoded. */
  shape?: Shape | undefined;
}

export interface Format {
  /** @throws InferenceError malformed_request */
  open(body: Buffer, contentType: string): Opened;
  print(result: CallResult, wish: Wish): Body;
  /** Bytes of memory that a body takes once parsed. */
  cost(body: Uint8Array, contentType: string): number;
  /** Whether a body is taken as it is, without parsing. */
  isRaw(body: Buffer, contentType: string): boolean;
}

const sent = (body: Sent): Opened => ({ takes: kindOf(body), decode: (spec) => ({ item: itemFor(body, spec) }) });

/** KServe and TorchServe say no charset. */
const BARE_TYPE = 'application/json';

const JSON_BODY: Pick<Format, 'cost' | 'isRaw'> = { cost: jsonCost, isRaw: () => false };

export const FORMATS: Readonly<Record<Protocol, Format>> = {
  'kserve-v1': { ...JSON_BODY, open: (body) => sent(decodeKserve(body.toString('utf8'))), print: (result) => ({ type: BARE_TYPE, body: predictionsBody(result) }) },
  torchserve: {
    ...JSON_BODY,
    open: (body, type) => ({ takes: 'tensors', decode: (spec) => decodeTorchServe(body, type, spec) }),
    print: (result, { shape = 'one' }) => ({ type: BARE_TYPE, body: encodePrediction(result, shape) }),
    isRaw: holdsPicture,
  },
  sagemaker: {
    ...JSON_BODY,
    open: (body, type) => sent(decodeInvocation(body.toString('utf8'), type)),
    print: (result, { accept }) => encodeInvocation(result, accept),
    cost: (body, type) => (isCsv(type) ? csvCost(body) : jsonCost(body)),
  },
  vertex: { ...JSON_BODY, open: (body) => sent(decodeVertex(body.toString('utf8'))), print: encodeVertex },
  azure: { ...JSON_BODY, open: (body) => sent(decodeScore(body.toString('utf8'))), print: encodeScore },
};
