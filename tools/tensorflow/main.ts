// npm run tensorflow: sets up native TensorFlow in this checkout and says where it is from.
import path from 'node:path';
import { createProgress } from '../progress.ts';
import { ensureTensorFlow } from './setup.ts';

const root = path.resolve(import.meta.dirname, '..', '..');
await createProgress(process.stderr).step('tensorflow', async (note) => {
  const native = await ensureTensorFlow(root, { note });
  return `${native.source}, ${native.ready ? 'ready' : 'set up'}`;
});
