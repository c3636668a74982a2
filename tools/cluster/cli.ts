// Local clusters by hand: npm run cluster -- --help. A thin command line over local/; npm start and the tests use
// the same functions. It must not decide which kind of cluster is right (choose.ts does).
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import type { Report } from './cluster.ts';
import { down, up } from './local/lifecycle.ts';
import { layoutOf } from './local/layout.ts';
import { allRecords } from './local/record.ts';
import { expose, inNetwork, loadImages } from './local/services.ts';
import { ANCHOR, runs } from './local/state.ts';

const HELP = `usage: npm run cluster -- COMMAND [ID] [ARGUMENTS]     (ID: the cluster's name, "slipway" if left out)

  up [ID]                            brings the cluster up, or finds it up, or repairs it
  down [ID]                          removes it with all that is in it
  list                               shows the clusters that have a record
  kubeconfig [ID]                    prints the path of its kubeconfig
  load ID REF=ARCHIVE...             imports images from OCI archives
  expose ID NAMESPACE/SERVICE:PORT   prints a URL on 127.0.0.1 for a Service
  exec ID -- COMMAND...              runs a command in the cluster's network namespace
`;

const cancel = new AbortController();
process.once('SIGINT', () => cancel.abort(new Error('interrupted')));
process.once('SIGTERM', () => cancel.abort(new Error('interrupted')));
const report: Report = (line) => process.stderr.write(`${line}\n`);
const options = { report, signal: cancel.signal };

const commands: Record<string, (id: string, rest: string[]) => Promise<void>> = {
  up: (id) => up(id, options),
  down: (id) => down(id, options),
  list: () => Promise.resolve(list()),
  kubeconfig: (id) => Promise.resolve(console.log(layoutOf(id).kubeconfig)),
  load: (id, images) => loadImages(id, images.map(parseImage), options),
  expose: async (id, [service]) => console.log(await expose(id, parseService(service), options)),
  exec: (id, command) => execute(id, command),
};

function list(): void {
  for (const record of allRecords()) {
    console.log(`${record.id}\t${runs(record, ANCHOR) ? 'running' : 'stopped'}\t${layoutOf(record.id).kubeconfig}`);
  }
}

function parseImage(text: string): { ref: string; archive: string } {
  const [ref, archive] = text.split('=');
  if (ref === undefined || archive === undefined) throw new Error(`"${text}" is not of the form REF=ARCHIVE`);
  return { ref, archive };
}

function parseService(text = ''): { namespace: string; name: string; port: number } {
  const [, namespace, name, port] = /^([^/]+)\/([^:]+):(\d+)$/.exec(text) ?? [];
  if (namespace === undefined || name === undefined) throw new Error(`"${text}" is not of the form NAMESPACE/SERVICE:PORT`);
  return { namespace, name, port: Number(port) };
}

async function execute(id: string, command: string[]): Promise<void> {
  const [file, ...args] = inNetwork(id, command);
  const child = spawn(file, args, { stdio: 'inherit' });
  process.exitCode = await new Promise<number>((resolve) => child.on('close', (code) => resolve(code ?? 1)));
}

const { positionals, values } = parseArgs({ allowPositionals: true, options: { help: { type: 'boolean' } } });
const [name = '', id = 'slipway', ...rest] = positionals;
const command = commands[name];
if (command === undefined || values.help) {
  process.stdout.write(HELP);
  process.exitCode = values.help ? 0 : 2;
} else {
  await command(id, rest).catch((error: unknown) => {
    report(`error: ${(error as Error).message}`);
    process.exitCode = 1;
  });
}
