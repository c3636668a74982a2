// Owns the shape of a loaded TensorFlow, native or not. Types only: importing it loads nothing.
import type * as TensorFlow from '@tensorflow/tfjs';
import type { RuntimeInfo } from './backend.ts';
import type { Native } from './native.ts';

export interface Runtime {
  tf: typeof TensorFlow;
  /** Absent on the slow backend. */
  native: Native | undefined;
  info: RuntimeInfo;
}
