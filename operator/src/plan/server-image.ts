// Owns the choice of the server image for a new revision. Must not know what is in an image.
import type { InferenceService } from '@slipway/api';
import type { OperatorImages } from '../types.ts';

/** The user's own server, else the small one that runs ONNX only where the spec declares that format, else the one that runs every format. */
export function serverImageFor({ runtime, model }: InferenceService['spec'], images: OperatorImages): string {
  if (runtime !== undefined) return runtime.image;
  return model.format === 'onnx' ? (images.serverOnnx ?? images.server) : images.server;
}
