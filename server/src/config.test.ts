import { describe, expect, it } from 'vitest';
import { ConfigError, helpText, readConfig, setNativeEnvironment, setPoolThreads, VARIABLE_NAMES } from './config.ts';

describe('settings', () => {
  it('have the defaults of the contract', () => {
    expect(readConfig({})).toMatchObject({ PORT: 3000, ADMIN_PORT: 9090, MAX_BATCH_SIZE: 32, WARMUP_ITERATIONS: 3, LOG_LEVEL: 'info', MAX_BATCH_ITEMS: 10_000, TF_WORKERS: 1, DRAIN_DELAY_SECONDS: 15, BATCH_MAX_DELAY_MS: 0, BEHIND_ROUTER: false });
  });

  it('an empty variable is one that is not set', () => {
    expect(readConfig({ PORT: '', MODEL_NAME: '' })).toMatchObject({ PORT: 3000 });
  });

  it('every wrong one is named', () => {
    expect(() => readConfig({ PORT: 'x', LOG_LEVEL: 'loud', BEHIND_ROUTER: 'yes', TF_WORKERS: '0' })).toThrow(/PORT.*\n.*BEHIND_ROUTER|PORT[\s\S]*TF_WORKERS[\s\S]*LOG_LEVEL/);
    expect(() => readConfig({ ALIAS_PORTS: '80,http' })).toThrow(ConfigError);
  });

  it('the admin port is on loopback unless a router or a token guards it', () => {
    expect(readConfig({}).adminHost).toBe('127.0.0.1');
    expect(readConfig({ BEHIND_ROUTER: 'true' }).adminHost).toBe('0.0.0.0');
    expect(readConfig({ ADMIN_TOKEN: 't' }).adminHost).toBe('0.0.0.0');
    expect(readConfig({ BEHIND_ROUTER: 'true', ADMIN_HOST: '::1' }).adminHost).toBe('::1');
  });

  it("'all' alias ports are the usual ones but the own", () => {
    expect(readConfig({ ALIAS_PORTS: 'all', PORT: '8080' }).aliasPorts).toEqual([80, 8000, 8001, 8500, 8501]);
    expect(readConfig({ ALIAS_PORTS: '8501, 8500' }).aliasPorts).toEqual([8501, 8500]);
  });

  it('batch sizes are whole numbers within MAX_BATCH_SIZE', () => {
    expect(readConfig({ BATCH_ALLOWED_SIZES: '1, 2,4' }).BATCH_ALLOWED_SIZES).toEqual([1, 2, 4]);
    expect(() => readConfig({ BATCH_ALLOWED_SIZES: '1,two' })).toThrow(/BATCH_ALLOWED_SIZES/);
    expect(() => readConfig({ BATCH_PREFERRED_SIZES: '64' })).toThrow('BATCH_PREFERRED_SIZES: 64 is over MAX_BATCH_SIZE 32');
  });

  it('threads and memory are known', () => {
    const config = readConfig({ TF_THREADS: '3', MEMORY_BUDGET_BYTES: '12' });
    expect([config.threads, config.memoryBudget]).toEqual([3, 12]);
    expect(readConfig({}).threads).toBeGreaterThanOrEqual(1);
    expect(readConfig({}).memoryBudget).toBeGreaterThan(1e8);
    const env: Record<string, string> = {};
    setNativeEnvironment(env);
    expect(setPoolThreads(env, { threads: 3, runs: 9 })).toBe(3);
    expect(setPoolThreads(env, { threads: 2, runs: 2 }), 'is made once').toBe(3);
    expect(env).toEqual({ TF_NUM_INTRAOP_THREADS: '3', TF_NUM_INTEROP_THREADS: '9', TF_CPP_MIN_LOG_LEVEL: '2' });
  });

  it('--help has a line for each', () => {
    for (const name of VARIABLE_NAMES) expect(helpText()).toMatch(new RegExp(`^ {2}${name} `, 'm'));
  });
});
