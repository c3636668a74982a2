// Settings: defaults, refusals that name the variable, help that names them all.
import { describe, expect, it } from 'vitest';
import { ConfigError, configOf, helpText } from './config.ts';

describe('config', () => {
  it('has defaults for everything', () => {
    expect(configOf({})).toMatchObject({ adminPort: 9090, drainDelaySeconds: 15, connectTimeoutMs: 1000, logLevel: 'info', host: undefined, accessLog: 0 });
  });

  it('takes what is set', () => {
    expect(configOf({ ADMIN_PORT: '1', HOST: '127.0.0.1', DRAIN_DELAY_SECONDS: '0.5', LOG_LEVEL: 'debug', POD_NAME: 'p' })).toMatchObject({ adminPort: 1, host: '127.0.0.1', drainDelaySeconds: 0.5, logLevel: 'debug', pod: 'p' });
  });

  it.each([
    [{ ADMIN_PORT: 'x' }, /ADMIN_PORT="x" must be a whole number from 0 to 65535/],
    [{ ADMIN_PORT: '' }, /ADMIN_PORT/],
    [{ MAX_BODY_BYTES: '0' }, /MAX_BODY_BYTES/],
    [{ LOG_LEVEL: 'loud' }, /LOG_LEVEL="loud" must be one of debug/],
    [{ ACCESS_LOG: '2' }, /ACCESS_LOG/],
  ])('%j is refused', (env, message) => {
    expect(() => configOf(env)).toThrow(ConfigError);
    expect(() => configOf(env)).toThrow(message);
  });

  it('says every setting in its help', () => {
    const help = helpText();
    for (const name of ['POD_NAME', 'POD_NAMESPACE', 'ADMIN_PORT', 'STATE_DIR', 'DRAIN_DELAY_SECONDS', 'MAX_BODY_BYTES', 'MAX_CONNECTIONS', 'LOG_LEVEL', 'ACCESS_LOG']) expect(help).toContain(name);
  });
});
