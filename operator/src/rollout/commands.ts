// Owns the commands promote, abort and retry: annotations that name the revision they saw. Must not know how states go on by themselves.
// Value: `<revision>`; promote also `<revision>:full` (everything) or `<revision>:<step>` (that pause only); `#anything` makes it a new command.
// Every value counts once (an annotation set to what it was is no event); one that names something else is Ignored with a message, so an old command never hits a newer rollout.
import { VERBS } from './types.ts';
import type { LastCommand, Rejected, Rollout, RolloutFacts, Verb, Waiting } from './types.ts';
import { begin, enter, isActive, isForward } from './position.ts';
import { isHeld, isOverdue } from './clocks.ts';
import { aborted } from './states.ts';

interface Command {
  verb: Verb;
  value: string;
  revision: string;
  argument: string | undefined;
}

/** The value of `promote` that ends exactly this pause. Two pauses of one revision have different values: an annotation that stays the same is no command. */
export const promoteValue = ({ candidate, step }: Waiting): string => `${candidate}:${step + 1}`;

/** What became of a command: another rollout value, or the reason why nothing happens. */
type Verdict = { next: Rollout; message: string } | { ignored: string };

const ignored = (why: string): Verdict => ({ ignored: why });

function parse(verb: Verb, value: string): Command {
  const [text = ''] = value.split('#');
  const [revision = '', argument] = text.trim().split(':');
  return { verb, value, revision, argument };
}

/** Forgets values whose annotation is gone, so that the same command can be given again. */
export function forgetCommands(rollout: Rollout, facts: RolloutFacts): Rollout {
  const gone = VERBS.filter((verb) => rollout.handled[verb] !== undefined && facts.commands[verb] === undefined);
  if (gone.length === 0) return rollout;
  const handled = Object.fromEntries(Object.entries(rollout.handled).filter(([verb]) => !gone.includes(verb as Verb)));
  return { ...rollout, handled };
}

/** Acts on the first command not acted on yet. Undefined when there is none. */
export function obey(rollout: Rollout, facts: RolloutFacts, now: number): Rollout | undefined {
  const verb = VERBS.find((each) => facts.commands[each] !== undefined && facts.commands[each] !== rollout.handled[each]);
  if (verb === undefined) return undefined;
  const command = parse(verb, facts.commands[verb] ?? '');
  const verdict = judge(command, rollout, facts, now);
  const accepted = 'next' in verdict;
  const lastCommand: LastCommand = { verb, revision: command.revision, at: now, result: accepted ? 'Accepted' : 'Ignored', message: accepted ? verdict.message : verdict.ignored };
  return { ...(accepted ? verdict.next : rollout), handled: { ...rollout.handled, [verb]: command.value }, lastCommand };
}

function judge(command: Command, r: Rollout, facts: RolloutFacts, now: number): Verdict {
  if (!('candidate' in r)) return ignored(command.revision === r.stable ? `${r.stable} is the stable revision already` : 'no rollout is under way');
  if (command.revision !== r.candidate) return ignored(`the candidate is ${r.candidate}, not ${command.revision}`);
  switch (command.verb) {
    case 'promote':
      return promote(command, r, facts, now);
    case 'abort':
      return abort(r, now);
    case 'retry':
      return retry(r, facts, now);
  }
}

function abort(r: Rollout, now: number): Verdict {
  if (!isForward(r)) return ignored('the candidate is on its way out already');
  if (r.stable === undefined) return ignored('there is no stable revision to go back to; change the spec instead');
  return { next: aborted(r, now), message: `the share of ${r.candidate} goes back to ${r.stable}` };
}

function promote({ argument }: Command, r: Rollout, facts: RolloutFacts, now: number): Verdict {
  if (!isForward(r)) return ignored('the candidate was given up; retry it first');
  if (isHeld(r, facts)) return ignored('spec.rollout.paused, spec.replicas 0 or a refused spec holds the rollout; change that first');
  if (argument === 'full') return { next: enter(r, Number.MAX_SAFE_INTEGER, facts, now), message: `${r.candidate} takes over, leaving out the steps left` };
  if (r.state !== 'Waiting') return ignored('the rollout does not wait for promotion; it goes on by itself');
  if (argument !== undefined && argument !== String(r.step + 1)) return ignored(`the rollout is at step ${r.step + 1}, not ${argument}`);
  return { next: enter(r, r.step + 1, facts, now), message: `step ${r.step + 1} is over` };
}

function retry(r: Rollout, facts: RolloutFacts, now: number): Verdict {
  const overdue = isActive(r) && isOverdue(r, facts, now);
  const over = r.state === 'Rejected' || r.state === 'RollingBack';
  if (!over && !overdue) return ignored('the candidate was not given up');
  const { candidate } = r as Rejected;
  if (facts.current !== candidate) return ignored(`the spec does not ask for ${candidate} any more`);
  return { next: begin(r, candidate, facts, now), message: `${candidate} starts again at the first step` };
}
