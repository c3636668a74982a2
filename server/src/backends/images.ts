// Owns decoding of PNG and JPEG by native TensorFlow. Sizes were checked before: this only decodes. Must not know models.
import { Handles, type Native } from './native.ts';
import type { ImageJob } from './backend.ts';
import type { Runtime } from './runtime.ts';
import { InferenceError } from '../inference/errors.ts';
import type { Tensor } from '../inference/tensor.ts';

/** @returns uint8 [height, width, channels] */
export function decodeImage(runtime: Runtime, job: ImageJob): Tensor {
  if (runtime.native === undefined) throw new InferenceError('unsupported_media_type', 'Pictures need native TensorFlow; send the numbers instead.');
  try {
    return decode(runtime.native, job);
  } catch (error) {
    throw new InferenceError('invalid_input', `The picture cannot be decoded: ${(error as Error).message.slice(0, 200)}`, { cause: error });
  }
}

function decode(native: Native, job: ImageJob): Tensor {
  const { binding } = native;
  const png = job.bytes[0] === 0x89;
  const handles = new Handles(binding);
  try {
    const source = handles.put({ name: 'contents', dtype: 'string', shape: [], data: [job.bytes] });
    const [info] = binding.executeOp(png ? 'DecodePng' : 'DecodeJpeg', [{ name: 'channels', type: binding.TF_ATTR_INT, value: job.channels }], [source], 1);
    if (info === undefined) throw new Error('the decoder gave nothing');
    return handles.get(handles.adopt(info), 'image');
  } finally {
    handles.close();
  }
}
