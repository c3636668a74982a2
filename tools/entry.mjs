// What every command does before its TypeScript runs: install the locked dependencies if the tree differs from the lockfile, then
// hand over to the pinned Node. Plain JavaScript for any Node >= 20, nothing but built-ins: it runs before anything is installed.
// It must not know what the commands do. All its messages go to stderr, so that a command's own output stays clean.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const OLDEST_NODE = 20; // runs these entry scripts
const OWN_NODE = 24; // runs the TypeScript where no pinned binary exists
const HEARTBEAT_MS = 10_000;
const LOCK_WAIT_MS = 10 * 60_000;

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const modules = path.join(root, 'node_modules');
const stamp = path.join(modules, '.slipway-lockfile');

/**
 * Installs what is missing and runs a script with the pinned Node; never returns on success.
 * @param {string} script path of the script, relative to the repository root
 * @param {string[]} args its arguments
 */
export async function enter(script, args = process.argv.slice(2)) {
  try {
    requireNode(OLDEST_NODE, 'this command');
    if (!isInstalled()) await install();
    await handOver(path.resolve(root, script), args);
  } catch (error) {
    say(`error: ${error.message}`);
    process.exit(1);
  }
}

function say(line) {
  process.stderr.write(`${line}\n`);
}

function requireNode(major, what) {
  if (Number(process.versions.node.split('.')[0]) >= major) return;
  throw new Error(`${what} needs Node.js >= ${major}, this is ${process.version}. Install one from https://nodejs.org/en/download (or: nvm install 24).`);
}

/** The npm package that carries the pinned Node for this machine, or undefined where there is none. */
function pinnedPackage() {
  const lock = readJson(path.join(root, 'package-lock.json'));
  const name = `node-${process.platform}-${process.arch}`;
  return lock?.packages?.[`node_modules/${name}`] === undefined ? undefined : name;
}

function pinnedNode() {
  const name = pinnedPackage();
  return name === undefined ? undefined : path.join(modules, name, 'bin', 'node');
}

/** True if node_modules is the tree that the lockfile describes; remembers the answer in a stamp that holds the lockfile's hash. */
function isInstalled() {
  const wanted = lockfileHash();
  const node = pinnedNode();
  if (node !== undefined && !existsSync(node)) return false;
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return true;
  if (!installedTreeMatches()) return false;
  writeFileSync(stamp, wanted);
  return true;
}

function lockfileHash() {
  return createHash('sha256').update(readFileSync(path.join(root, 'package-lock.json'))).digest('hex');
}

/** Compares npm's own record of what it installed with the lockfile: a tree made by `npm install` needs no second installation. */
function installedTreeMatches() {
  const installed = readJson(path.join(modules, '.package-lock.json'))?.packages;
  if (installed === undefined) return false;
  const wanted = Object.entries(readJson(path.join(root, 'package-lock.json')).packages);
  return wanted.every(([at, entry]) => !at.includes('node_modules/') || entry.optional || installed[at]?.version === entry.version);
}

function readJson(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

async function install() {
  const release = await takeLock();
  try {
    if (isInstalled()) return;
    const started = Date.now();
    say('dependencies  npm ci (the first run downloads about 150 MB)');
    const timer = setInterval(() => say(`dependencies  installing, ${seconds(started)}`), HEARTBEAT_MS);
    // --loglevel=error: the development tools ask for a newer Node than the one that installs them; they run on the pinned one.
    const code = await npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']).finally(() => clearInterval(timer));
    if (code !== 0) throw new Error(`npm ci ended with ${code}; its messages are above. If the network was down, run the command again.`);
    writeFileSync(stamp, lockfileHash());
    say(`dependencies  installed, ${seconds(started)}`);
  } finally {
    release();
  }
}

function seconds(started) {
  return `${Math.round((Date.now() - started) / 1000)} s`;
}

function npm(args) {
  const cli = process.env.npm_execpath;
  const viaNode = cli !== undefined && /npm-cli\.c?js$/.test(cli) && existsSync(cli);
  const [file, all] = viaNode ? [process.execPath, [cli, ...args]] : ['npm', args];
  // stdout becomes stderr: the output of a command such as `kubeconfig` stays one line.
  return run(file, all, { cwd: root, stdio: ['ignore', 2, 2] });
}

/** One installation per checkout at a time: two commands started together must not empty node_modules under each other. */
async function takeLock() {
  const lock = path.join(tmpdir(), `slipway-install-${createHash('sha256').update(root).digest('hex').slice(0, 12)}`);
  const owner = path.join(lock, 'pid');
  const until = Date.now() + LOCK_WAIT_MS;
  for (let told = false; Date.now() < until; told = true) {
    try {
      mkdirSync(lock);
      writeFileSync(owner, String(process.pid));
      return () => rmSync(lock, { recursive: true, force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (!told) say('dependencies  waiting for another command that is installing them');
    await delay(500);
    if (ownerIsGone(owner)) rmSync(lock, { recursive: true, force: true });
  }
  throw new Error(`another command has been installing for ${LOCK_WAIT_MS / 60_000} minutes; if none is, remove ${lock}`);
}

function ownerIsGone(file) {
  try {
    process.kill(Number(readFileSync(file, 'utf8')), 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH' || error.code === 'ENOENT';
  }
}

/** A process of its own even on the right Node: so the script is the main module, as it would be without this file. */
async function handOver(script, args) {
  const node = pinnedNode();
  if (node === undefined) requireNode(OWN_NODE, `on ${process.platform}-${process.arch}, for which no Node is pinned, this command`);
  process.exitCode = await run(node ?? process.execPath, [script, ...args], { stdio: 'inherit' });
}

/** Runs a program to its end and passes SIGINT, SIGTERM and SIGHUP on to it. Returns its exit code, 128 + n after signal n. */
function run(file, args, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, options);
    const pass = (signal) => child.kill(signal);
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, pass);
    child.on('error', (error) => reject(new Error(`cannot run ${file}: ${error.message}`)));
    child.on('close', (code, signal) => {
      for (const each of signals) process.off(each, pass);
      resolve(code ?? 128 + constants.signals[signal]);
    });
  });
}
