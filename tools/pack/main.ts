// npx slipway pack SOURCE [OPTIONS]: turns a model into a model package and says what it found in it.
import path from 'node:path';
import { parseArgs } from 'node:util';
import { LoadError, type RuntimeKind } from '../../server/src/backends/backend.ts';
import { shapeText } from '../../server/src/inference/tensor.ts';
import { callersFolder } from '../command.ts';
import { createProgress } from '../progress.ts';
import { ensureTensorFlow } from '../tensorflow/setup.ts';
import { pack, type Packed, type PackOptions } from './pack.ts';
import { PackError } from './sources.ts';

const HELP = `usage: npx slipway pack SOURCE [options]     npm run pack -- SOURCE is the same

Makes a model package of SOURCE: a SavedModel folder, a tfjs folder (or its model.json), an .onnx file or a folder with one,
or a TorchServe .mar that holds an ONNX model. The model is loaded once, by the runtime that will serve it, and model.yaml
is written from what it says.

  --name NAME          name of the model; default: the source's own
  --version VERSION    version; default: the source's own, else v1
  --signature NAME     signature of a SavedModel; default serving_default
  --out PATH           where to put it; default ./NAME-VERSION, or ./NAME-VERSION.tar.gz
  --tar                one .tar.gz, the same bytes every time
  --force              replace what is there
  --help               this page
`;

const string = { type: 'string' } as const;
const flag = { type: 'boolean', default: false } as const;

function read(args: string[]): { source: string; options: PackOptions } | undefined {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { name: string, version: string, signature: string, out: string, tar: flag, force: flag, help: flag } });
  if (values.help) return undefined;
  const [source, ...more] = positionals;
  if (source === undefined || more.length > 0) throw new PackError('give one SOURCE; --help tells the rest');
  const { name, version, signature, out, tar, force } = values;
  return { source, options: { name, version, signature, out, tar, force, setUp } };
}

/** A fresh clone has no native TensorFlow yet. */
async function setUp(runtime: RuntimeKind): Promise<void> {
  if (runtime !== 'tensorflow') return;
  await createProgress(process.stderr).step('tensorflow', async (note) => (await ensureTensorFlow(path.resolve(import.meta.dirname, '..', '..'), { note })).source);
}

function report({ manifest, at, files, bytes, digest }: Packed): string {
  const tensors = (kind: string, list: Packed['manifest']['inputs'] = []): string[] => list.map((tensor) => `  ${kind}  ${tensor.name}  ${tensor.dtype} ${shapeText(tensor.shape)}`);
  return [
    `${manifest.name} ${manifest.version}, ${manifest.format}, ${String(files)} files, ${String(bytes)} bytes`,
    ...tensors('input ', manifest.inputs),
    ...tensors('output', manifest.outputs),
    `  sha256  ${digest}`,
    at,
    '',
  ].join('\n');
}

// TensorFlow tells how it was built on every load; what goes wrong still shows.
process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
process.chdir(callersFolder());

try {
  const asked = read(process.argv.slice(2));
  process.stdout.write(asked === undefined ? HELP : report(await pack(asked.source, asked.options)));
} catch (error) {
  const { message, code } = error as Error & { code?: string };
  const expected = error instanceof PackError || error instanceof LoadError || code?.startsWith('ERR_PARSE_ARGS') === true;
  if (!expected) throw error;
  process.stderr.write(`pack: ${message}\n`);
  process.exitCode = 1;
}
