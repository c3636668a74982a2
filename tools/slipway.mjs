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

/** The command that a misspelt word was meant to be, or undefined if none is near: letters in another order, two that are too many or missing. */
function meant(word) {
  const typos = (name) => lettersLeft(word.toLowerCase(), name).length + lettersLeft(name, word.toLowerCase()).length;
  return Object.keys(COMMANDS).filter((name) => typos(name) <= MOST_TYPOS).sort((a, b) => typos(a) - typos(b))[0];
}

/** What is left of a word without the letters of another one. */
const lettersLeft = (word, other) => [...other].reduce((left, letter) => left.replace(letter, ''), word);

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
