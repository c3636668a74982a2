// The public surface of the planner.
export { planFor } from './plan-for.ts';
export { planForNamespace } from './namespace.ts';
