// The generated files in the repository are what their sources say, and the generators are deterministic.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { REASONS } from '@slipway/api';
import { allOutputs } from './main.ts';

describe('generated files', () => {
  const outputs = allOutputs();
  it.each(outputs.map((output) => [output.path, output.text]))('%s is current (npm run gen)', (path, text) => {
    expect(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')).toBe(text);
  });

  it('come out the same twice', () => {
    expect(allOutputs()).toEqual(outputs);
  });

  it('name every reason on the reference page', () => {
    const page = outputs.find((output) => output.path.endsWith('inferenceservice.md'))?.text ?? '';
    for (const reason of Object.keys(REASONS)) expect(page).toMatch(new RegExp(`\\| ${reason}( †)? \\|`));
  });
});
