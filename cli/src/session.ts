// Owns one invocation's way to the cluster and to the person: client, namespace, clock and streams. Must not know any command.
import { createClient, createTransport, kubeconfigConnection } from '@slipway/kube';
import type { Client, Clock, Transport } from '@slipway/kube';
import { existsSync } from 'node:fs';
import { CliError } from './errors.ts';
import type { Output } from './print/output.ts';

/** What the process gives to the plugin. */
export interface Shell {
  output: Output;
  clock: Clock;
  /** A number in [0,1). */
  random: () => number;
  /** Aborts when the person wants to stop. */
  signal: AbortSignal;
  /** Reads a file, or standard input for `-`. */
  read: (path: string) => Promise<string>;
}

export interface GlobalOptions {
  namespace?: string;
  context?: string;
  kubeconfig?: string;
}

export interface Session extends Shell {
  client: Client;
  transport: Transport;
  server: string;
  namespace: string;
}

/** Runs `work` with a connection to the cluster that the options name, and closes it whatever happens. */
export async function withSession<T>(shell: Shell, options: GlobalOptions, work: (session: Session) => Promise<T>): Promise<T> {
  const { kubeconfig, context } = options;
  if (kubeconfig !== undefined && !existsSync(kubeconfig)) throw new CliError(`there is no kubeconfig ${kubeconfig}`);
  const connection = await kubeconfigConnection({ path: kubeconfig, context, clock: shell.clock });
  const transport = createTransport({ connection, clock: shell.clock, userAgent: 'kubectl-isvc' });
  try {
    return await work({ ...shell, client: createClient(transport), transport, server: connection.server, namespace: options.namespace ?? connection.namespace ?? 'default' });
  } finally {
    await transport.close();
  }
}
