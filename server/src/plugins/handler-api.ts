// Owns what a package's handlers get and give, and how that crosses to the thread they run in. Types and limits only; docs/handlers.md is
// the same in words.
import type { DType, TensorSpec } from '@slipway/api';
import type { ServingSpec } from '../inference/spec.ts';
import type { TensorData } from '../inference/tensor.ts';

export const HANDLERS = ['preprocess', 'postprocess'] as const;
export type Handler = (typeof HANDLERS)[number];

/** What a caller sent, one of the three. */
export interface HandlerRequest {
  inputs?: unknown;
  text?: string | readonly string[];
  /** PNG or JPEG files. */
  pictures?: readonly Uint8Array[];
}

export interface HandlerTensor {
  shape: readonly number[];
  /** Row-major, of the typed array that belongs to the input's dtype; strings as a list. */
  data: TensorData;
}

/** What preprocess gives: a request as a caller of the bare model would send it, or tensors by the names of the model's inputs. */
export interface PreprocessResult extends HandlerRequest {
  tensors?: Readonly<Record<string, HandlerTensor>>;
}

export interface HandlerContext {
  model: string;
  version: string;
  /** The model's own signature. */
  inputs: readonly TensorSpec[];
  outputs: readonly TensorSpec[];
  /** To postprocess: what the package's declared postprocessing makes of the outputs. */
  predictions?: unknown;
}

/** What a package's module may export. */
export interface HandlerModule {
  preprocess?(request: HandlerRequest, context: HandlerContext): PreprocessResult | Promise<PreprocessResult>;
  /** @returns one prediction for each row, of values that JSON has */
  postprocess?(outputs: Readonly<Record<string, HandlerTensor & { dtype: DType }>>, context: HandlerContext): unknown[] | Promise<unknown[]>;
}

/** Characters of JSON that a handler may give back; tensors and pictures count by their bytes, up to MAX_RETURNED_BYTES. */
export const MAX_RETURNED_JSON = 4 * 1024 * 1024;
export const MAX_RETURNED_BYTES = 64 * 1024 * 1024;

export interface HandlerSettings {
  /** Folder of the package, and the module in it. */
  folder: string;
  file: string;
}

export interface HandlerCall {
  handler: Handler;
  value: unknown;
  context: HandlerContext;
  /** To postprocess: what the declared predictions of the outputs are made by. */
  spec?: ServingSpec;
}

/** `json` is what JSON can hold of the result; `binary` its tensors and pictures. `own`: thrown by the handler on purpose. */
export type HandlerReply = { ok: true; json: string; binary?: Pick<PreprocessResult, 'tensors' | 'pictures'> } | { ok: false; own: boolean; message: string };

/** The first message of the thread. */
export type HandlerStart = { ready: readonly Handler[] } | { failed: string };
