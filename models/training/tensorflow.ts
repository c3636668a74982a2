// Owns how training and the model tests get TensorFlow: one thread and no randomness, so that a retraining gives the
// same bytes. Must not know any model. (The server has its own loader: it wants threads, workers and metrics.)
import { createRequire } from 'node:module';
import util from 'node:util';
import type * as TensorFlow from '@tensorflow/tfjs-node';

// tfjs-node 4.22 calls a helper that Node 23 removed.
Object.assign(util, { isNullOrUndefined: (value: unknown) => value == null });
// Sums over several threads are added in the order in which the threads finish; one thread makes training repeatable.
process.env['TF_NUM_INTRAOP_THREADS'] = '1';
process.env['TF_NUM_INTEROP_THREADS'] = '1';
process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';

export const tf = createRequire(import.meta.url)('@tensorflow/tfjs-node') as typeof TensorFlow;
