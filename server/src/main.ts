// Entry of the server: settings, start, drain on SIGTERM. No logic of its own.
import { flushCompileCache } from 'node:module';
import type { TerminationReport } from '@slipway/api';
import { ConfigError, helpText, readConfig, setNativeEnvironment } from './config.ts';
import { keepCallsYoung } from './host/young-generation.ts';
import { startServer } from './server.ts';

async function main(): Promise<void> {
  if (process.argv.includes('--help')) {
    process.stdout.write(helpText());
    return;
  }
  keepCallsYoung();
  const config = readConfig(process.env);
  setNativeEnvironment(process.env);
  const server = await startServer(config);
  void server.settled.then(() => setImmediate(flushCompileCache));
  const end = (): void => {
    process.removeAllListeners('SIGTERM').removeAllListeners('SIGINT');
    process.once('SIGINT', () => process.exit(130));
    server.drain().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.once('SIGTERM', end);
  process.once('SIGINT', () => {
    void server.close().then(() => process.exit(0));
  });
}

try {
  await main();
} catch (error) {
  const { message, stack = message } = error as Error;
  process.stderr.write(`${error instanceof ConfigError ? message : stack}\n`);
  // The last line is the pod's termination message (FallbackToLogsOnError), which the operator reads.
  process.stderr.write(`${JSON.stringify({ reason: 'CrashLoop', message: `the server cannot start: ${message}` } satisfies TerminationReport)}\n`, () => process.exit(1));
}
