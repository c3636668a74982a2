// npm run build:cli: the kubectl plugin as dist/kubectl-isvc.
import path from 'node:path';
import { buildPlugin } from './build.ts';

const root = path.resolve(import.meta.dirname, '..', '..');
const file = await buildPlugin(root, path.join(root, 'dist'));
console.log(`${path.relative(root, file)} is ready; put it on PATH and kubectl finds it: export PATH="${path.dirname(file)}:$PATH" && kubectl isvc --help`);
