// Owns `kubectl isvc` as people run it: the built plugin on PATH, a kubeconfig for each person, and terminals. Must not know what is asked.
import { execFile, spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildPlugin } from '../../../tools/cli/build.ts';
import type { World } from './world.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const LONGEST_MS = 240_000;

export interface Answer {
  code: number;
  stdout: string;
  stderr: string;
}

/** A command that goes on until it is told to stop. */
export class Running {
  readonly #child: ChildProcessWithoutNullStreams;
  /** Everything that it wrote so far. */
  shown = '';
  told = '';

  /** Its exit code, or the signal's name if one ended it. */
  readonly ended: Promise<number | string>;

  constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    this.ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown')));
    child.stdout.setEncoding('utf8').on('data', (text: string) => (this.shown += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.told += text));
  }

  /** What Ctrl-C does to a command outside a terminal; resolves as `ended`. */
  async interrupt(): Promise<number | string> {
    this.#child.kill('SIGINT');
    return await this.ended;
  }

  /** Presses a key of the terminal that it runs in. */
  press(key: string): void {
    this.#child.stdin.write(key);
  }

  /** For cleaning up. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

/** One person at a shell. */
export class Person {
  readonly #env: NodeJS.ProcessEnv;
  readonly #kubectl: string;
  readonly #namespace: string;

  constructor(env: NodeJS.ProcessEnv, kubectl: string, namespace: string) {
    this.#env = env;
    this.#kubectl = kubectl;
    this.#namespace = namespace;
  }

  /** `kubectl isvc ...` in the person's namespace; resolves whatever the exit code. */
  isvc(...args: string[]): Promise<Answer> {
    return this.kubectl('isvc', ...args, '-n', this.#namespace);
  }

  kubectl(...args: string[]): Promise<Answer> {
    return new Promise((resolve) => {
      execFile(this.#kubectl, args, { env: this.#env, timeout: LONGEST_MS }, (error, stdout, stderr) => resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, stdout, stderr }));
    });
  }

  start(...args: string[]): Running {
    return new Running(spawn(this.#kubectl, ['isvc', ...args, '-n', this.#namespace], { env: this.#env }));
  }

  /** The same in a terminal of that size. */
  startInTerminal({ columns, rows }: { columns: number; rows: number }, ...args: string[]): Running {
    const words = [this.#kubectl, 'isvc', ...args, '-n', this.#namespace].map((word) => `'${word}'`).join(' ');
    const command = `stty cols ${columns} rows ${rows} -echo; exec ${words}`;
    return new Running(spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], { env: { ...this.#env, TERM: 'xterm' } }));
  }
}

export class Plugin {
  readonly #world: World;
  readonly #folder: string;
  readonly #namespace: string;

  private constructor(world: World, folder: string, namespace: string) {
    this.#world = world;
    this.#folder = folder;
    this.#namespace = namespace;
  }

  /** Builds the plugin and puts it on the PATH of people who work in `namespace`. */
  static async install(world: World, namespace: string): Promise<Plugin> {
    const folder = await mkdtemp(path.join(tmpdir(), 'slipway-plugin-'));
    await buildPlugin(root, folder);
    await symlink(world.access.kubectl, path.join(folder, 'kubectl'));
    return new Plugin(world, folder, namespace);
  }

  /** Somebody with one of the cluster's own roles (`view`, `edit`) in the namespace, and nothing else. */
  async person(role: string): Promise<Person> {
    const name = `${role}-person`;
    const namespace = this.#namespace;
    await this.#world.apply(
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } },
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { name, namespace },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
        subjects: [{ kind: 'ServiceAccount', name, namespace }],
      },
    );
    const token = (await this.#world.kubectl('create', 'token', name, '-n', namespace, '--duration=1h')).trim();
    const kubeconfig = path.join(this.#folder, `${name}.kubeconfig`);
    await writeFile(kubeconfig, await readFile(this.#world.access.kubeconfig), { mode: 0o600 });
    await this.#world.kubectl('config', 'set-credentials', name, `--token=${token}`, `--kubeconfig=${kubeconfig}`);
    await this.#world.kubectl('config', 'set-context', '--current', `--user=${name}`, `--kubeconfig=${kubeconfig}`);
    // The plugin's first line asks PATH for a node: the one that runs the tests.
    const PATH = [this.#folder, path.dirname(process.execPath), process.env['PATH'] ?? ''].join(path.delimiter);
    return new Person({ PATH, KUBECONFIG: kubeconfig, HOME: this.#folder, LANG: 'C.UTF-8' }, path.join(this.#folder, 'kubectl'), namespace);
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}
