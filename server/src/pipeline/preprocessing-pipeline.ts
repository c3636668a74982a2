// Owns the step from what a caller sent to tensors ready to run, for one model: tensors, texts or pictures.
// Must not queue or run the model itself; pictures are decoded by the model's worker.
import { InferenceError, invalidInput } from '../inference/errors.ts';
import { picturesOf, pictureTensor, prepareInputs, prepareTensors, type Prepared } from '../inference/inputs.ts';
import { checkPicture } from '../inference/pictures.ts';
import { TEXT_INPUT, type ServingSpec } from '../inference/spec.ts';
import type { Tensor } from '../inference/tensor.ts';
import type { Model } from '../models/model.ts';
import { textTensor } from '../models/loader.ts';
import type { Item } from './call.ts';
import type { Soon } from './soon.ts';

export interface PreprocessingOptions {
  /** Characters of one text. */
  maxTextLength: number;
}

export class PreprocessingPipeline {
  readonly #options: PreprocessingOptions;

  constructor(options: PreprocessingOptions) {
    this.#options = options;
  }

  /** @throws InferenceError invalid_input, data_contract_violation, unsupported_media_type */
  prepare(model: Model, item: Item, nonFinite = false): Soon<Prepared> {
    const { spec } = model;
    if (item.tensors !== undefined) return this.#tensors(model, item, nonFinite);
    if (model.vectorizer !== undefined && item.pictures === undefined) return this.#texts(model, item);
    if (item.text !== undefined) throw wrongKind(spec, 'inputs', 'text');
    const pictures = item.pictures ?? picturesOf(item.inputs, spec);
    if (pictures === undefined) return prepareInputs(item.inputs, spec, item.preprocessing);
    return this.#pictures(model, pictures, item);
  }

  #tensors(model: Model, item: Item, nonFinite: boolean): Prepared {
    const tensors = item.tensors ?? [];
    if (model.vectorizer === undefined) return prepareTensors(tensors, model.spec, item.preprocessing, nonFinite);
    return this.#texts(model, { text: textsOf(tensors, model.spec) });
  }

  #texts(model: Model, item: Item): Prepared {
    if (item.text === undefined || model.vectorizer === undefined) throw wrongKind(model.spec, 'text', 'inputs');
    const texts = typeof item.text === 'string' ? [item.text] : item.text;
    if (texts.length === 0) throw invalidInput('text is an empty list.', { path: 'text', expected: 'at least one text', got: 'none' });
    texts.forEach((text, index) => { this.#checkLength(text, typeof item.text === 'string' ? 'text' : `text[${String(index)}]`); });
    return { tensors: [textTensor(model.vectorizer, texts, model.spec)], rows: texts.length };
  }

  #checkLength({ length }: string, path: string): void {
    const { maxTextLength } = this.#options;
    if (length <= maxTextLength) return;
    throw invalidInput(`${path} has ${String(length)} characters; at most ${String(maxTextLength)} are taken.`, { path, expected: `at most ${String(maxTextLength)} characters`, got: String(length) });
  }

  async #pictures(model: Model, pictures: readonly Uint8Array[], item: Item): Promise<Prepared> {
    const { spec } = model;
    const { image } = spec;
    if (image === undefined) throw new InferenceError('unsupported_media_type', `Model ${spec.name} takes ${spec.takes}, no pictures.`);
    pictures.forEach((bytes, index) => checkPicture(bytes, image, pictures.length === 1 ? 'inputs' : `inputs[${String(index)}]`));
    const decoded = await Promise.all(pictures.map((bytes) => model.runner.decode({ bytes, channels: image.channels })));
    return prepareTensors([pictureTensor(decoded, spec)], spec, item.preprocessing);
  }
}

const isColumn = (shape: readonly number[]): boolean => shape.length === 1 || (shape.length === 2 && shape[1] === 1);

/** The texts of a string tensor [n] or [n, 1]; bytes are read as UTF-8. */
function textsOf(tensors: readonly Tensor[], spec: ServingSpec): string[] {
  const [input, ...others] = tensors;
  const names = [TEXT_INPUT, ...spec.signature.inputs.map((own) => own.name)];
  const path = `inputs.${input?.name ?? TEXT_INPUT}`;
  if (input === undefined || others.length > 0 || !names.includes(input.name)) {
    throw invalidInput(`Model ${spec.name} takes one input of texts, named ${TEXT_INPUT}.`, { path: 'inputs', expected: TEXT_INPUT, got: tensors.map((tensor) => tensor.name).join(', ') || 'nothing' });
  }
  if (input.dtype !== 'string' || !Array.isArray(input.data) || !isColumn(input.shape)) {
    throw invalidInput(`Model ${spec.name} takes texts: send strings.`, { path, expected: 'string [-1] or [-1,1]', got: `${input.dtype} [${input.shape.join(',')}]` });
  }
  const utf8 = new TextDecoder('utf-8', { ignoreBOM: true }); // a byte order mark is a character of the text like any other
  return input.data.map((text) => (typeof text === 'string' ? text : utf8.decode(text)));
}

function wrongKind(spec: ServingSpec, wanted: 'inputs' | 'text', got: string): InferenceError {
  return invalidInput(`Model ${spec.name} takes ${wanted === 'text' ? 'text' : 'tensors'}: send ${wanted}.`, { path: wanted, expected: wanted, got });
}
