// Owns what can be known of a PNG or JPEG without decoding it: its kind and its size. Must not decode.
// A small file may unpack to gigabytes; the size in its header is checked first.
import { InferenceError, invalidInput } from './errors.ts';
import type { ImageInput } from './spec.ts';

export interface PictureSize {
  kind: 'png' | 'jpeg';
  width: number;
  height: number;
}

/** @throws InferenceError invalid_input when the bytes are no PNG or JPEG, or not of the size the model takes. */
export function checkPicture(bytes: Uint8Array, image: ImageInput, path: string): PictureSize {
  const size = pictureSize(bytes);
  if (size === undefined) throw invalidInput(`${path} is neither PNG nor JPEG.`, { path, expected: 'PNG or JPEG', got: `${String(bytes.byteLength)} bytes` });
  if (size.width !== image.width || size.height !== image.height) {
    const expected = `${String(image.width)} x ${String(image.height)} pixels`;
    throw new InferenceError('invalid_input', `${path}: expected a picture of ${expected}.`, { errors: [{ path, expected, got: `${String(size.width)} x ${String(size.height)} pixels` }] });
  }
  return size;
}

/** Whether the bytes begin as a PNG or a JPEG does. */
export const isPicture = (bytes: Uint8Array): boolean => PNG.every((byte, at) => bytes[at] === byte) || JPEG.every((byte, at) => bytes[at] === byte);

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const JPEG = [0xff, 0xd8, 0xff];

export function pictureSize(bytes: Uint8Array): PictureSize | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength >= 24 && view.getUint32(0) === 0x89504e47) return { kind: 'png', width: view.getUint32(16), height: view.getUint32(20) };
  return bytes.byteLength >= 4 && view.getUint16(0) === 0xffd8 ? jpegSize(view) : undefined;
}

/** Walks the JPEG segments to the frame header (SOF0 to SOF15 without DHT, JPG and DAC). */
function jpegSize(view: DataView): PictureSize | undefined {
  let at = 2;
  while (at + 9 < view.byteLength) {
    if (view.getUint8(at) !== 0xff) return undefined;
    const marker = view.getUint8(at + 1);
    const frame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (frame) return { kind: 'jpeg', height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
    at += 2 + view.getUint16(at + 2);
  }
  return undefined;
}
