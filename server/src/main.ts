// Entry of the server: settings, parts, listeners, models, drain on SIGTERM. No logic of its own.
import { ConfigError, helpText, readConfig, setNativeEnvironment } from './config.ts';
import { buildApp } from './app.ts';
import { buildParts } from './parts.ts';

async function main(): Promise<void> {
  if (process.argv.includes('--help')) {
    process.stdout.write(helpText());
    return;
  }
  const config = readConfig(process.env);
  setNativeEnvironment(config, process.env);
  const parts = buildParts(config);
  const app = buildApp(config, parts);
  await app.listen({ port: config.PORT, host: config.HOST });
  await parts.manager.loadFrom(config.MODEL_PATH);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof ConfigError ? error.message : String((error as Error).stack)}\n`);
  process.exitCode = 1;
}
