// What npm start says when it is done. Pure.
import { ANNOTATIONS } from '@slipway/api';
import { MANIFEST, SAMPLE, SERVICE } from './sentiment.ts';

/** What there is to tell. */
export interface Outcome {
  /** Output of `kubectl get isvc`. */
  readonly table: string;
  readonly url: string;
  readonly answer: string;
  readonly namespace: string;
  /** Folders with kubectl and helm, if the person's PATH has none. */
  readonly programs: readonly string[];
}

/** The closing text: the service, its first prediction, and what to do next. */
export function closingText(outcome: Outcome): string {
  const namespace = outcome.namespace === 'default' ? '' : ` -n ${outcome.namespace}`;
  const promote = `kubectl annotate isvc ${SERVICE}${namespace} --overwrite ${ANNOTATIONS.promote}=$(kubectl get isvc ${SERVICE}${namespace} -o jsonpath='{.status.rollout.promote}')`;
  const next = [
    'export KUBECONFIG=$(npm run -s kubeconfig)',
    ...(outcome.programs.length === 0 ? [] : [`export PATH="${outcome.programs.join(':')}:$PATH"     # kubectl and helm, built with the cluster`]),
    `kubectl apply${namespace} -f ${MANIFEST.replace('isvc.yaml', 'canary.yaml')} ; kubectl get isvc${namespace} -w     # v2 by canary: 10 %, 50 %, all`,
    `${promote}     # on to the next step`,
    'npm stop     # removes everything again',
  ];
  return [
    '',
    outcome.table.trimEnd(),
    '',
    `$ ${curlCommand(outcome.url)}`,
    outcome.answer,
    '',
    'next:',
    ...next.map((line) => `  ${line}`),
    '',
  ].join('\n');
}

/** The request that was sent, for the person's own shell. */
export function curlCommand(url: string): string {
  return `curl -s ${url}/predict -d '${JSON.stringify(SAMPLE)}'`;
}
