// Owns the table of conditions: for each one its status, reason and message. Must not know when a status is written.
// What blocks never looks like progress: a blocking cause turns Progressing off.
import { ANNOTATIONS, REASONS, durationMs, serviceName } from '@slipway/api';
import type { ConditionInput, ConditionType, Reason } from '@slipway/api';
import { isActive, promoteValue } from '../rollout/index.ts';
import type { Because } from '../rollout/index.ts';
import { causeOfFailure } from './blocking.ts';
import { cause } from './cause.ts';
import { hasMetrics, wantsMonitor } from './monitoring.ts';
import { routerCause } from './routers.ts';
import { failuresThatMatter } from './view.ts';
import type { View } from './view.ts';

type Verdict = Because & { status: ConditionInput['status'] };

const yes = (reason: Reason, message: string = REASONS[reason].advice): Verdict => ({ status: 'True', reason, message });
const no = (reason: Reason, message: string = REASONS[reason].advice): Verdict => ({ status: 'False', reason, message });
const noBecause = ({ reason, message }: Because): Verdict => no(reason, message);

/** Every condition, in the declared order. */
export const CONDITIONS: Record<ConditionType, (view: View) => Verdict> = {
  Ready: readyVerdict,
  RolledOut: rolledOutVerdict,
  Progressing: progressingVerdict,
  Stalled: stalledVerdict,
  RoutesReady: routesVerdict,
  ModelLoaded: modelVerdict,
  MonitoringReady: monitoringVerdict,
};

export function conditionsFor(view: View): ConditionInput[] {
  return (Object.keys(CONDITIONS) as ConditionType[]).map((type) => ({ type, ...CONDITIONS[type](view) }));
}

function readyVerdict(view: View): Verdict {
  const { wanted, ready } = view;
  if (wanted === 0) return no('ScaledToZero');
  const unreachable = unreachableCause(view);
  if (unreachable !== undefined) return noBecause(unreachable);
  if (ready >= wanted) return yes('Serving', `the URL answers with ${ready} of ${wanted} pods${troubleOf(view)}`);
  if (view.servingCause !== undefined) return noBecause(view.servingCause);
  if (view.doing !== undefined && ready === 0) return noBecause(view.doing);
  return ready === 0 ? no('NoReadyEndpoints') : no('WaitingForCapacity', `${ready} of ${wanted} pods are ready`);
}

/** The URL answers, but a revision behind it is in trouble. */
function troubleOf({ servingCause }: View): string {
  return servingCause === undefined ? '' : ` (${servingCause.reason}: ${servingCause.message})`;
}

/** Why nobody could reach the URL even if all pods were ready. A model that cannot start is named before routers that wait for it. */
function unreachableCause(view: View): Because | undefined {
  const { observed, answers, newestCause, doing, ready, route } = view;
  const foreign = failuresThatMatter(observed).find((each) => each.kind === 'NameTaken' && each.object.startsWith('Service/'));
  if (foreign !== undefined) return causeOfFailure(foreign);
  if (observed.routers.ready > 0 && answers) return serviceCause(view);
  if (ready === 0 && (newestCause ?? doing) !== undefined) return newestCause ?? doing;
  return routerCause(observed, route?.status.sequence);
}

/** The URL leads somewhere only once its Service is seen to exist; that a write of it is planned is not enough. */
function serviceCause({ observed, servingCause }: View): Because | undefined {
  if (observed.children[`Service/${serviceName(observed.isvc.metadata.name)}`] !== undefined) return undefined;
  return servingCause ?? { reason: 'Pending', message: 'the Service behind the URL is being made' };
}

function rolledOutVerdict(view: View): Verdict {
  const { advanced, facts } = view;
  const { rollout, because } = advanced;
  if (facts.current === undefined && view.newestCause !== undefined) return noBecause(view.newestCause);
  if (rollout.state === 'Idle' && rollout.stable !== undefined && rollout.stable === facts.current) return yes('RolledOut', `${rollout.stable} is the stable revision`);
  return no(because.reason, `${because.message}${commandFor(view)}`);
}

/** The line to type where the rollout waits for a human. */
function commandFor({ advanced, observed }: View): string {
  const { rollout, because } = advanced;
  if (because.reason !== 'AwaitingPromotion' || rollout.state !== 'Waiting') return '';
  const { name, namespace } = observed.isvc.metadata;
  return `: kubectl annotate --overwrite -n ${namespace} isvc ${name} ${ANNOTATIONS.promote}=${promoteValue(rollout)} (or ${ANNOTATIONS.abort}=${rollout.candidate})`;
}

function progressingVerdict(view: View): Verdict {
  const { advanced, held, doing, ready, wanted } = view;
  const { rollout, because } = advanced;
  const stalled = stalledCause(view);
  if (stalled !== undefined) return noBecause(stalled);
  if (held) return no(because.reason, `${because.message}${commandFor(view)}`);
  const blocked = view.newestCause ?? view.routersCause;
  if (blocked !== undefined) return noBecause(blocked);
  if (isActive(rollout)) return { status: 'True', ...(doing ?? because) };
  return doing !== undefined && ready < wanted ? { status: 'True', ...doing } : no('NoRollout');
}

function stalledVerdict(view: View): Verdict {
  const found = stalledCause(view);
  return found === undefined ? no('NotStalled') : { status: 'True', ...found };
}

/** What only a human can end. */
export function stalledCause(view: View): Because | undefined {
  const { observed, advanced, newestCause } = view;
  const refused = failuresThatMatter(observed).find((each) => each.kind === 'NameTaken' || each.kind === 'InvalidPodTemplate');
  if (refused !== undefined) return causeOfFailure(refused);
  if (advanced.rollout.state === 'Rejected') return withAdvice(advanced.rollout.cause);
  if (newestCause !== undefined && 'stalls' in REASONS[newestCause.reason]) return newestCause;
  return advanced.overdue ? overdueCause(view) : latePods(view);
}

/** The deadline says that it is too late; the blocking cause says why. */
function overdueCause({ advanced, newestCause, routersCause }: View): Because {
  const found = newestCause ?? routersCause;
  const why = found === undefined ? '' : ` (${found.reason}: ${found.message})`;
  return withAdvice({ reason: 'ProgressDeadlineExceeded', message: `${advanced.because.message}${why}` });
}

/** No rollout, and pods that have been on their way past progressDeadline: after a crash, or when the service was scaled up. */
function latePods({ observed, advanced, doing, ready, wanted, newest }: View): Because | undefined {
  if (isActive(advanced.rollout) || doing === undefined || ready >= wanted) return undefined;
  if (isMoving(newest) || !isLate(observed)) return undefined;
  return withAdvice({ reason: 'ProgressDeadlineExceeded', message: `${doing.message}, for more than ${observed.isvc.spec.rollout.progressDeadline}; ${ready} of ${wanted} pods are ready` });
}

/** Progressing has been True for too long, or was turned off for just that. */
function isLate({ at, isvc: { spec, status } }: View['observed']): boolean {
  const before = status?.conditions?.find(({ type }) => type === 'Progressing');
  if (before?.status !== 'True') return before?.reason === 'ProgressDeadlineExceeded';
  return at - Date.parse(before.lastTransitionTime) >= durationMs(spec.rollout.progressDeadline);
}

/** Bytes arrive. */
const isMoving = (revision: View['newest']): boolean => revision?.pods.some(({ progress }) => (progress?.bytesPerSecond ?? 0) > 0) ?? false;

const withAdvice = ({ reason, message }: Because): Because => ({ reason, message: `${message}. ${REASONS[reason].advice}` });

function routesVerdict({ observed, routed, route }: View): Verdict {
  if (observed.routers.ready === 0) return no('RoutersNotReady');
  if (route === undefined) return no('Pending', 'router ports are not allocated yet');
  return routed ? yes('RoutesServed') : noBecause(routerCause(observed, route.status.sequence));
}

function modelVerdict({ newest, newestCause, doing, wanted }: View): Verdict {
  if (newest === undefined) return { status: 'Unknown', reason: 'Pending', message: 'no revision yet' };
  if (newest.readyEndpoints > 0) return yes('ModelReady', `${newest.name} is loaded and warm`);
  if (wanted === 0) return { status: 'Unknown', reason: 'ScaledToZero', message: REASONS.ScaledToZero.advice };
  return noBecause(newestCause ?? doing ?? { reason: 'CreatingPods', message: `pods of ${newest.name} are being created` });
}

function monitoringVerdict({ observed }: View): Verdict {
  const { isvc, apis, children, failures } = observed;
  if (!isvc.spec.monitoring.serviceMonitor.enabled) return no('MonitorDisabled');
  if (!hasMetrics(observed)) return no('MonitorNotSupported');
  const trouble = apis.trouble ?? failures.find((each) => each.object.startsWith('ServiceMonitor/'))?.message;
  if (trouble !== undefined) return noBecause(cause('MonitorFailed', trouble));
  if (!apis.serviceMonitor) return no('MonitorCrdMissing');
  return wantsMonitor(observed) && Object.keys(children).some((key) => key.startsWith('ServiceMonitor/')) ? yes('MonitorApplied') : no('Pending');
}
