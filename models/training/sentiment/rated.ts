// Owns the sentences that people rated for the VADER lexicon (C.J. Hutto, E. Gilbert, ICWSM 2014): parts of product
// reviews, film reviews and short messages. They come out of the PyPI package vaderSentiment and stay in the cache.
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { cached, runProgram } from '../cache.ts';
import type { Review } from './corpus.ts';

const PACKAGE = 'vaderSentiment-3.3.2';

export type RatedFile = 'amazonReviewSnippets' | 'movieReviewSnippets' | 'tweets';

/** The sentences whose mean rating (-4 to 4) is at least `clarity` away from 0. */
export function ratedReviews(file: RatedFile, clarity: number): Review[] {
  const lines = readFileSync(path.join(folder(), `${file}_GroundTruth.txt`), 'utf8').split('\n');
  return lines.flatMap((line) => {
    const [, rating, text] = line.split('\t');
    if (text === undefined || Math.abs(Number(rating)) < clarity) return [];
    return [{ text: text.replace(/\s+/g, ' ').trim(), label: Number(rating) > 0 ? 1 : 0 }];
  });
}

function folder(): string {
  const requirements = path.join(import.meta.dirname, 'requirements.txt');
  const root = cached(PACKAGE, (target) => {
    runProgram('python3', ['-m', 'pip', 'download', '--quiet', '--no-deps', '--no-binary', ':all:', '--require-hashes', '-r', requirements, '-d', target]);
    const archive = readdirSync(target).find((name) => name.endsWith('.tar.gz')) ?? '';
    runProgram('tar', ['-xzf', archive], target);
    runProgram('tar', ['-xzf', 'hutto_ICWSM_2014.tar.gz'], path.join(target, PACKAGE, 'additional_resources'));
  });
  return path.join(root, PACKAGE, 'additional_resources', 'hutto_ICWSM_2014');
}
