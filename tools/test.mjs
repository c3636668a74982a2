// npm test: runs test/main.ts on the pinned Node, installing the dependencies first where they are missing.
import { enter } from './entry.mjs';

await enter('tools/test/main.ts');
