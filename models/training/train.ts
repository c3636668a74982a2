// Owns the command `npm run train -- <name>`: which models there are and who trains them. Must not know how.
import { trainClassifier } from './classifier.ts';
import { writeClassifierOnnx } from './classifier-onnx.ts';
import { trainDigits } from './digits.ts';
import { trainSentiment } from './sentiment.ts';

const TRAINERS: Record<string, (print: (line: string) => void) => Promise<void>> = {
  classifier: trainClassifier,
  'classifier-onnx': writeClassifierOnnx,
  digits: trainDigits,
  sentiment: trainSentiment,
};

const names = process.argv.slice(2);
const unknown = names.filter((name) => !(name in TRAINERS));
if (names.length === 0 || unknown.length > 0) {
  console.error(`usage: npm run train -- <name>...   names: ${Object.keys(TRAINERS).join(', ')}`);
  process.exit(2);
}
for (const name of names) await TRAINERS[name]?.((line) => console.log(line));
