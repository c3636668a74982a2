// Entry of the server: settings, start, drain on SIGTERM. No logic of its own.
import { ConfigError, helpText, readConfig, setNativeEnvironment } from './config.ts';
import { startServer } from './server.ts';

async function main(): Promise<void> {
  if (process.argv.includes('--help')) {
    process.stdout.write(helpText());
    return;
  }
  const config = readConfig(process.env);
  setNativeEnvironment(config, process.env);
  const server = await startServer(config);
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
  process.stderr.write(`${error instanceof ConfigError ? error.message : String((error as Error).stack)}\n`);
  process.exitCode = 1;
}
