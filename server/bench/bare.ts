// The floor for the model itself: the runtime in a loop, in the same language, without HTTP, threads or checks.
// `bare.ts <onnx | saved-model | tfjs-layers> <file or folder> <input name> <shape as JSON> <seconds>` prints calls and rows per second,
// per CPU second, and the time of a call in microseconds.
import { performance } from 'node:perf_hooks';
import { availableParallelism } from 'node:os';
import '../src/preload.ts';

const [format = '', file = '', input = '', shapeText = '[]', secondsText = '2'] = process.argv.slice(2);
const shape = JSON.parse(shapeText) as number[];
const seconds = Number(secondsText);
const WARM_MS = 500;

const size = shape.reduce((product, dim) => product * dim, 1);
const values = Float32Array.from({ length: size }, (_, index) => (index % 17) / 17);

async function onnx(): Promise<() => Promise<unknown>> {
  const { default: ort } = await import('onnxruntime-node');
  // As the server's own session (server/src/backends/onnx-model.ts).
  const session = await ort.InferenceSession.create(file, { intraOpNumThreads: availableParallelism(), interOpNumThreads: 1, executionMode: 'sequential', extra: { session: { intra_op: { allow_spinning: '0' } } } });
  return () => session.run({ [input]: new ort.Tensor('float32', values, shape) });
}

async function tensorflow(): Promise<() => Promise<unknown>> {
  const { default: tf } = await import('@tensorflow/tfjs-node');
  const model = format === 'saved-model' ? await tf.node.loadSavedModel(file) : await tf.loadLayersModel(`file://${file}`);
  return () => {
    const output = tf.tidy(() => model.predict(tf.tensor(values, shape)));
    const [first] = (Array.isArray(output) ? output : [output]) as { dataSync(): unknown; dispose(): void }[];
    first?.dataSync();
    first?.dispose();
    return Promise.resolve();
  };
}

const call = await (format === 'onnx' ? onnx() : tensorflow());
for (const end = performance.now() + WARM_MS; performance.now() < end; ) await call();
const times: number[] = [];
const cpu = process.cpuUsage();
const began = performance.now();
for (let now = began; now - began < seconds * 1000; ) {
  await call();
  const after = performance.now();
  times.push((after - now) * 1000);
  now = after;
}
const wall = (performance.now() - began) / 1000;
const { user, system } = process.cpuUsage(cpu);
const sorted = Float64Array.from(times).sort();
const at = (q: number): number => sorted[Math.floor((sorted.length - 1) * q)] ?? 0;
process.stdout.write(`${JSON.stringify({ rate: times.length / wall, rows: (times.length * (shape[0] ?? 1)) / wall, perCpuSecond: times.length / ((user + system) / 1e6), p50: at(0.5), p99: at(0.99) })}\n`, () => process.exit(0));
