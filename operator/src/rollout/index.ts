// The public surface of the rollout machine.
export { advance } from './advance.ts';
export { rolloutOf, statusOf } from './codec.ts';
export { podsForShare } from './capacity.ts';
export { isActive, isForward, nothingYet } from './position.ts';
export { recipeFor, stageAt, stepsOf } from './recipe.ts';
export { isServed } from './split.ts';
export type * from './types.ts';
export { VERBS } from './types.ts';
