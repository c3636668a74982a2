// The public surface of the rollout machine.
export { advance } from './advance.ts';
export { movedWithClock } from './clock-steps.ts';
export { rolloutOf, statusOf } from './codec.ts';
export { promoteValue } from './commands.ts';
export { isActive, isForward, nothingYet } from './position.ts';
export { recipeFor, stepsOf } from './recipe.ts';
export { podsForShare } from './split.ts';
export type * from './types.ts';
export { VERBS } from './types.ts';
