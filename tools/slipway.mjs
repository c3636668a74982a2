#!/usr/bin/env node
// npx slipway COMMAND: one name for what people do with a clone. Runs the command's script on the pinned Node, installing the dependencies
// first where they are missing; help and mistakes need neither. It must not know what the commands take.
import { enter } from './entry.mjs';

const COMMANDS = {
  pack: { script: 'tools/pack/main.ts', takes: 'SOURCE', about: 'makes a model package of a model' },
  serve: { script: 'tools/serve.ts', takes: '[FOLDER]', about: 'serves a folder of models, without a cluster' },
  start: { script: 'tools/start.ts', takes: '', about: 'brings up a cluster with Slipway and a sample service' },
  stop: { script: 'tools/stop.ts', takes: '', about: 'removes what start brought up' },
  kubeconfig: { script: 'tools/kubeconfig.ts', takes: '', about: 'prints the path of the kubeconfig of that cluster' },
};
const HELP = `usage: npx slipway COMMAND

${Object.entries(COMMANDS).map(([name, { takes, about }]) => `  ${`${name} ${takes}`.padEnd(18)} ${about}`).join('\n')}

npx slipway COMMAND --help tells the rest.
`;
const MOST_TYPOS = 2;

/** The command that a misspelt word was meant to be, or undefined if none is near. */
function meant(word) {
  const [nearest] = Object.keys(COMMANDS).map((name) => ({ name, typos: distance(word.toLowerCase(), name) })).sort((a, b) => a.typos - b.typos);
  return nearest.typos <= MOST_TYPOS ? nearest.name : undefined;
}

/** Letters to add, drop or change (Levenshtein). The same as in api/, which is TypeScript and may have to be installed first. */
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length];
}

const [word = '--help', ...args] = process.argv.slice(2);
if (Object.hasOwn(COMMANDS, word)) {
  await enter(COMMANDS[word].script, args);
} else if (word === '--help' || word === '-h') {
  process.stdout.write(HELP);
} else {
  const name = meant(word);
  process.stderr.write(`error: there is no command "${word}"${name === undefined ? '.' : `; did you mean ${name}?`} npx slipway --help lists them.\n`);
  process.exitCode = 2;
}
