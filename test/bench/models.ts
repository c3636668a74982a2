// Writes the bench's models: ONNX graphs with seeded random weights, the same bytes on every machine. Must not know who serves them.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { onnxModel, type OnnxNode, type OnnxWeight } from '../../models/training/onnx.ts';
import { seeded, type Random } from '../../models/training/random.ts';

export const MLP = { name: 'mlp', input: 'x', output: 'y', width: 20, hidden: [64, 64], classes: 3 } as const;
export const MOBILENET = { name: 'mobilenet', input: 'image', output: 'probabilities', side: 224, channels: 3, classes: 1000 } as const;

class Graph {
  readonly nodes: OnnxNode[] = [];
  readonly weights: OnnxWeight[] = [];
  readonly #random: Random;
  #made = 0;

  constructor(seed: number) {
    this.#random = seeded(seed);
  }

  /** Adds a node; returns the name of its output. */
  add(op: string, inputs: readonly string[], attributes: OnnxNode['attributes'] = {}, output = `t${this.#made++}`): string {
    this.nodes.push({ op, inputs, outputs: [output], attributes });
    return output;
  }

  floats(shape: readonly number[], values: Float32Array): string {
    const name = `w${this.weights.length}`;
    this.weights.push({ name, dtype: 'float32', shape, data: new Uint8Array(values.buffer) });
    return name;
  }

  /** Normal with the spread that keeps activations of their size (He). */
  normal(shape: readonly number[], fanIn: number): string {
    const size = shape.reduce((product, dim) => product * dim, 1);
    return this.floats(shape, Float32Array.from({ length: size }, () => this.#random.gaussian() * Math.sqrt(2 / fanIn)));
  }

  dense(input: string, from: number, to: number): string {
    return this.add('Gemm', [input, this.normal([from, to], from), this.floats([to], new Float32Array(to))]);
  }
}

/** 20-64-64-3 with softmax. */
function mlp(): Uint8Array {
  const graph = new Graph(1);
  let [at, from]: [string, number] = [MLP.input, MLP.width];
  for (const to of MLP.hidden) [at, from] = [graph.add('Relu', [graph.dense(at, from, to)]), to];
  graph.add('Softmax', [graph.dense(at, from, MLP.classes)], {}, MLP.output);
  const { nodes, weights } = graph;
  return onnxModel({ name: MLP.name, nodes, weights, inputs: [{ name: MLP.input, dtype: 'float32', shape: ['rows', MLP.width] }], outputs: [{ name: MLP.output, dtype: 'float32', shape: ['rows', MLP.classes] }] });
}

/** MobileNetV2's blocks: expansion, channels out, repeats, first stride. Batch normalisation is folded into the weights, as exporters do. */
const BLOCKS = [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1], [6, 160, 3, 2], [6, 320, 1, 1]] as const;
const STEM = 32;
const HEAD = 1280;

interface Conv { from: number; to: number; kernel: number; stride: number; groups?: number; linear?: boolean }

class MobileNet extends Graph {
  readonly #zero = this.floats([], Float32Array.of(0));
  readonly #six = this.floats([], Float32Array.of(6));

  conv(input: string, { from, to, kernel, stride, groups = 1, linear = false }: Conv): string {
    const pad = kernel === 3 ? 1 : 0;
    const weights = this.normal([to, from / groups, kernel, kernel], (from / groups) * kernel * kernel);
    const out = this.add('Conv', [input, weights, this.floats([to], new Float32Array(to))], { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [pad, pad, pad, pad], group: groups });
    return linear ? out : this.add('Clip', [out, this.#zero, this.#six]);
  }

  /** Inverted residual: widen, filter each channel by itself, narrow without activation. */
  block(input: string, { from, to, stride, expansion }: { from: number; to: number; stride: number; expansion: number }): string {
    const wide = from * expansion;
    const widened = expansion === 1 ? input : this.conv(input, { from, to: wide, kernel: 1, stride: 1 });
    const filtered = this.conv(widened, { from: wide, to: wide, kernel: 3, stride, groups: wide });
    const narrow = this.conv(filtered, { from: wide, to, kernel: 1, stride: 1, linear: true });
    return stride === 1 && from === to ? this.add('Add', [input, narrow]) : narrow;
  }
}

function mobileNet(): Uint8Array {
  const { input, output, side, channels, classes } = MOBILENET;
  const graph = new MobileNet(2);
  let at = graph.conv(graph.add('Transpose', [input], { perm: [0, 3, 1, 2] }), { from: channels, to: STEM, kernel: 3, stride: 2 });
  let from = STEM;
  for (const [expansion, to, repeats, first] of BLOCKS) {
    for (let index = 0; index < repeats; index++) {
      at = graph.block(at, { from, to, stride: index === 0 ? first : 1, expansion });
      from = to;
    }
  }
  const pooled = graph.add('GlobalAveragePool', [graph.conv(at, { from, to: HEAD, kernel: 1, stride: 1 })]);
  graph.add('Softmax', [graph.dense(graph.add('Flatten', [pooled], { axis: 1 }), HEAD, classes)], {}, output);
  const { nodes, weights } = graph;
  return onnxModel({ name: MOBILENET.name, nodes, weights, inputs: [{ name: input, dtype: 'float32', shape: ['rows', side, side, channels] }], outputs: [{ name: output, dtype: 'float32', shape: ['rows', classes] }] });
}

/** Writes `<folder>/<name>/1/model.onnx`; returns the file. */
function write(folder: string, name: string, bytes: Uint8Array): string {
  const file = path.join(folder, name, '1', 'model.onnx');
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, bytes);
  return file;
}

export const writeMlp = (folder: string): string => write(folder, MLP.name, mlp());
export const writeMobileNet = (folder: string): string => write(folder, MOBILENET.name, mobileNet());
