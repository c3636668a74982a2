// The test groups. unit and sim are pure and fast; server runs real TensorFlow; clients public Python clients; cluster a real API server; e2e a real node.
import { defineConfig } from 'vitest/config';

const common = { pool: 'forks' as const, testTimeout: 20_000, hookTimeout: 60_000 };

export default defineConfig({
  test: {
    projects: [
      { test: { ...common, name: 'unit', include: ['{api,cli,kube,operator,router,server,tools,models,test/{chaos,load,bench}}/**/*.test.ts'] } },
      { test: { ...common, name: 'sim', include: ['test/sim/**/*.test.ts'] } },
      { test: { ...common, name: 'server', include: ['test/{server,conformance}/**/*.test.ts'], testTimeout: 120_000, maxWorkers: 1 } },
      { test: { ...common, name: 'clients', include: ['test/clients/**/*.test.ts'], testTimeout: 120_000, maxWorkers: 1 } },
      { test: { ...common, name: 'cluster', include: ['test/cluster/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 180_000, maxWorkers: 1 } },
      { test: { ...common, name: 'e2e', include: ['test/e2e/**/*.test.ts'], globalSetup: ['test/e2e/global-setup.ts'], testTimeout: 300_000, hookTimeout: 600_000, maxWorkers: 1 } },
    ],
  },
});
