// Owns what a network policy or a broken link takes from routers: the operator's questions, or the way to the API server. Packets are dropped by
// rules of nftables on the node, which its pods' links all pass. Must not know why.
import { NETWORK } from '../../../tools/cluster/local/layout.ts';
import type { Pod } from './processes.ts';
import type { World } from './world.ts';

const TABLE = 'slipway_e2e_router_links';
const ADMIN_PORT = 9090;

const setOf = (addresses: readonly string[]): string => `{ ${addresses.join(', ')} }`;
const addressesOf = (pods: readonly Pod[]): string[] => pods.flatMap(({ status: { podIP } }) => podIP ?? []);
/** Chains are named after the namespace. */
const chainOf = (hook: string, namespace: string): string => `${hook}_${namespace.replaceAll('-', '_')}`;

export class RouterLinks {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** The operator's pods reach the admin port of the namespace's routers no more; the kubelet, which probes it, does. */
  async hideFromOperator(namespace: string): Promise<void> {
    const operators = addressesOf(await this.#world.operators());
    await this.#drop('forward', namespace, `ip saddr ${setOf(operators)} ip daddr ${setOf(await this.#routers(namespace))} tcp dport ${ADMIN_PORT}`);
  }

  /** The namespace's routers reach the API server no more. */
  async cutOff(namespace: string): Promise<void> {
    await this.#drop('input', namespace, `ip saddr ${setOf(await this.#routers(namespace))} tcp dport ${NETWORK.apiPort}`);
  }

  async restore(namespace: string): Promise<void> {
    for (const hook of ['forward', 'input']) await this.#nft(`flush chain inet ${TABLE} ${chainOf(hook, namespace)}`).catch(() => undefined);
  }

  async stop(): Promise<void> {
    await this.#nft(`delete table inet ${TABLE}`).catch(() => undefined);
  }

  async #routers(namespace: string): Promise<string[]> {
    return addressesOf(await this.#world.list<Pod>('pods', namespace, '-l', 'app.kubernetes.io/component=router', '--field-selector', 'status.phase=Running'));
  }

  async #drop(hook: string, namespace: string, packets: string): Promise<void> {
    const chain = `inet ${TABLE} ${chainOf(hook, namespace)}`;
    await this.#nft(`add table inet ${TABLE}; add chain ${chain} { type filter hook ${hook} priority 0; }; flush chain ${chain}; add rule ${chain} ${packets} drop`);
  }

  async #nft(commands: string): Promise<void> {
    await this.#world.inside('nft', commands);
  }
}
