// The pins: both architectures have a wheel with a hash, and no other one is guessed.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { pinnedWheel } from './wheel.ts';

const requirements = readFileSync(path.join(import.meta.dirname, 'libtensorflow.txt'), 'utf8');

describe('pinnedWheel', () => {
  it('pins a wheel for x64 and arm64', () => {
    expect(pinnedWheel(requirements, 'x64')).toMatchObject({ distribution: 'tensorflow-cpu', version: '2.15.1' });
    expect(pinnedWheel(requirements, 'arm64')).toMatchObject({ distribution: 'tensorflow-cpu-aws', version: '2.15.1' });
  });

  it('refuses a machine without a pin', () => {
    expect(() => pinnedWheel(requirements, 'riscv64')).toThrow('no TensorFlow wheel is pinned for riscv64');
  });

  it('refuses a pin without a hash', () => {
    expect(() => pinnedWheel('tensorflow-cpu==2.15.1 ; platform_machine == "x86_64"', 'x64')).toThrow('no TensorFlow wheel');
  });
});
