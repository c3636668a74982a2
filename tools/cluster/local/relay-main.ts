// The relay process: runs inside a cluster's network namespace but accepts on a socket that was opened outside, on
// 127.0.0.1, and handed to it. So an address of the machine leads into the cluster without any interface between the two.
// One relay, one target; it knows nothing else. Started by forwards.ts, ends when the cluster's processes are ended.
import { Resolver, type LookupAddress } from 'node:dns';
import { connect, isIP, type LookupFunction, type Server, type Socket } from 'node:net';

/** What the starter sends along with the listening socket. */
export interface RelayOrder {
  /** Address or DNS name inside the cluster; a name is looked up for each connection, so a Service may be made anew. */
  readonly host: string;
  readonly port: number;
  /** The cluster's DNS server. */
  readonly dns: string;
}

process.title = 'slipway-relay';

process.once('message', (order: RelayOrder, server: Server) => {
  const lookup = lookupWith(order.dns);
  server.on('connection', (client: Socket) => join(client, connect({ host: order.host, port: order.port, lookup, noDelay: true, allowHalfOpen: true })));
  process.off('disconnect', giveUp);
  process.send?.('ready');
});
process.once('disconnect', giveUp);

/** A starter that dies before it hands the socket over leaves nothing to do. */
function giveUp(): never {
  process.exit(1);
}

function join(client: Socket, target: Socket): void {
  client.allowHalfOpen = true;
  client.setNoDelay(true);
  client.pipe(target);
  target.pipe(client);
  client.on('error', () => target.destroy());
  target.on('error', () => client.destroy());
  client.on('close', () => target.destroy());
  target.on('close', () => client.destroySoon());
}

function lookupWith(server: string): LookupFunction {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  resolver.setServers([server]);
  return (host, options, callback) => {
    if (isIP(host) !== 0) return answer([{ address: host, family: 4 }], options.all ?? false, callback);
    resolver.resolve4(host, (error, addresses) => {
      if (error !== null) return callback(error, []);
      answer(addresses.map((address) => ({ address, family: 4 })), options.all ?? false, callback);
    });
  };
}

function answer(found: LookupAddress[], all: boolean, callback: Parameters<LookupFunction>[2]): void {
  if (all) callback(null, found);
  else callback(null, found[0]?.address ?? '', 4);
}
