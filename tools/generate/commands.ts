// Owns the plain kubectl lines of the reference page; test/cluster runs each of them against a real API server.
// Must not know the operator.
import { ANNOTATIONS, LABELS } from '@slipway/api';

export interface CommandLine {
  title: string;
  line: string;
  note?: string;
}

const PAUSE = "$(kubectl get isvc sentiment -o jsonpath='{.status.rollout.promote}')";
const CANDIDATE = "$(kubectl get isvc sentiment -o jsonpath='{.status.rollout.candidate}')";

export const COMMANDS: CommandLine[] = [
  { title: 'See all', line: 'kubectl get isvc -o wide' },
  { title: 'Watch a rollout', line: 'kubectl get isvc sentiment --watch' },
  { title: 'Wait until it can be called', line: 'kubectl wait --for=condition=Ready isvc/sentiment --timeout=5m' },
  { title: 'Wait in CI until the new version is out', line: 'kubectl wait --for=condition=RolledOut isvc/sentiment --timeout=30m' },
  { title: 'Promote the candidate', line: `kubectl annotate isvc sentiment --overwrite ${ANNOTATIONS.promote}=${PAUSE}`, note: 'Ends the present pause and no other, however often it is sent; in a blue-green rollout it switches.' },
  { title: 'Promote at once, leaving out the steps left', line: `kubectl annotate isvc sentiment --overwrite ${ANNOTATIONS.promote}=${CANDIDATE}:full` },
  { title: 'Abort the candidate', line: `kubectl annotate isvc sentiment --overwrite ${ANNOTATIONS.abort}=${CANDIDATE}`, note: 'All traffic returns to the stable revision at once. The spec stays as it is.' },
  { title: 'Try an aborted candidate again', line: `kubectl annotate isvc sentiment --overwrite ${ANNOTATIONS.retry}=${CANDIDATE}` },
  { title: 'Pause', line: `kubectl patch isvc sentiment --type merge -p '{"spec":{"rollout":{"paused":true}}}'` },
  { title: 'Go on', line: `kubectl patch isvc sentiment --type merge -p '{"spec":{"rollout":{"paused":false}}}'` },
  { title: 'Scale', line: 'kubectl scale isvc sentiment --replicas=3' },
  { title: 'History', line: `kubectl get controllerrevisions -l ${LABELS.inferenceService}=sentiment --sort-by=.revision` },
  {
    title: 'Undo: back to the model of a former revision',
    line: `kubectl patch isvc sentiment --type json -p '[{"op":"replace","path":"/spec/model","value":'"$(kubectl get controllerrevision sentiment-5d8f7c9b64 -o jsonpath='{.data.spec.model}')"'}]'`,
    note: 'Do the same for runtime, resources and podTemplate if they differ. Under GitOps, revert the commit instead.',
  },
];
