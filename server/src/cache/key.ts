// Owns the name of an answer in the cache: a hash of exactly what the model would be run on. Must not know what is cached.
import { createHash, webcrypto, type Hash } from 'node:crypto';
import { bytesOf, type StringData, type Tensor } from '../inference/tensor.ts';

/** Tensors above this many bytes are hashed outside of the event loop. */
const INLINE_BYTES = 65_536;

/**
 * A key of the tensors of a call, item by item: names, dtypes, shapes and every bit of the data (so 0 and -0 differ).
 * Equal keys mean equal inputs, as surely as SHA-256 has no collisions.
 */
export async function keyOf(items: readonly (readonly Tensor[])[]): Promise<string> {
  const hash = createHash('sha256');
  for (const tensors of items) {
    hash.update(`${String(tensors.length)};`);
    for (const tensor of tensors) await add(hash, tensor);
  }
  return hash.digest('base64');
}

async function add(hash: Hash, tensor: Tensor): Promise<void> {
  const { name, dtype, shape, data } = tensor;
  hash.update(`${JSON.stringify(name)}:${dtype}:${shape.join('x')}:`);
  if (Array.isArray(data)) {
    addStrings(hash, data);
    return;
  }
  const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  hash.update(bytesOf(tensor) <= INLINE_BYTES ? bytes : new Uint8Array(await webcrypto.subtle.digest('SHA-256', bytes)));
}

/** Text and bytes of the same letters are different to a model; lengths keep neighbours apart. */
function addStrings(hash: Hash, data: StringData): void {
  for (const item of data) {
    const bytes = typeof item === 'string' ? Buffer.from(item, 'utf8') : item;
    hash.update(`${typeof item === 'string' ? 't' : 'b'}${String(bytes.byteLength)}:`).update(bytes);
  }
}
