// The public surface of the planner.
export { planFor } from './plan-for.ts';
export { planForNamespace } from './namespace.ts';
export type { KubeObject, Observed, Plan, PlanConfig, RevisionFacts, RevisionRecord } from '../types.ts';
