// Owns what goes wrong in the plugin's own words, each with the fix and an exit code. Must not print.
import { KIND, PLURAL, GROUP } from '@slipway/api';
import { ApiError, TransportError } from '@slipway/kube';

/** Exit codes that scripts may rely on. */
export const EXIT = { ok: 0, failed: 1, usage: 2, paused: 3, timeout: 4 } as const;

/** An error whose message tells a person what to do. */
export class CliError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT.failed, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CliError';
    this.exitCode = exitCode;
  }
}

/** Any failure as a CliError: the API server's words and what to do about them. */
export function explained(error: unknown): CliError {
  if (error instanceof CliError) return error;
  if (error instanceof TransportError) return new CliError(transportAdvice(error), EXIT.failed, { cause: error });
  if (error instanceof ApiError) return new CliError(apiAdvice(error), EXIT.failed, { cause: error });
  return new CliError(error instanceof Error ? error.message : String(error), EXIT.failed, { cause: error });
}

function transportAdvice({ failure, message }: TransportError): string {
  if (message.includes('HTTP protocol is not allowed')) return `no kubeconfig was found, or its server is plain HTTP\nSet KUBECONFIG, or give --kubeconfig; \`kubectl config view\` shows what there is.`;
  if (failure === 'Credentials') return `${message}\nSee \`kubectl config get-contexts\`, and choose with --context or --kubeconfig.`;
  if (failure === 'Unreachable' || failure === 'Timeout') return `${message}\nIs the cluster up? Check with \`kubectl cluster-info\`; choose another with --context or --kubeconfig.`;
  return message;
}

function apiAdvice(error: ApiError): string {
  if (error.status === 401) return `the API server does not know you: ${error.message}\nLog in again, or choose another user with --context.`;
  if (error.status === 403) return `${error.message}\nAsk for the role \`edit\` (or \`view\` to look) in this namespace; \`kubectl auth can-i --list\` shows what you may do.`;
  if (error.status === 404 && (error.reason !== 'NotFound' || error.message.includes('requested resource'))) return `this cluster does not serve ${KIND}s (${PLURAL}.${GROUP})\nInstall Slipway with \`helm install slipway charts/slipway\`, or choose another cluster with --context.`;
  return error.message;
}
