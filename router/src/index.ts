// The public surface of the router, for benches and end-to-end tests.
export { createApp } from './app.ts';
export type { App, AppOptions, DrainOptions } from './app.ts';
export { startAdmin } from './admin.ts';
export { createLog } from './log.ts';
export { CATALOGUE } from './metrics/catalogue.ts';
