// The configuration files of the node's daemons, as text made from values. It writes nothing and starts nothing.
import path from 'node:path';
import { BASE_IMAGES, NETWORK, type Layout } from './layout.ts';

/** Where containerd listens. Short, because a socket's path may have 108 bytes; private to the cluster by its mount namespace. */
export const CONTAINERD_SOCKET = '/run/containerd/containerd.sock';

/** What the texts depend on. */
export interface NodeConfiguration {
  readonly layout: Layout;
  readonly controlGroup: string;
  /** Folder with the CNI plugins. */
  readonly cniPlugins: string;
  /** Shortest time between two looks of kube-proxy at the rules, as a Go duration; a second if nothing is said. */
  readonly proxySync?: string | undefined;
}

/** File name below the configuration folder -> content. JSON where the reader takes YAML: it needs no quoting rules. */
export function configurationFiles(node: NodeConfiguration): Record<string, string> {
  return {
    'containerd.toml': containerd(node),
    'kubelet.yaml': json(kubelet(node)),
    'kube-proxy.yaml': json(kubeProxy(node)),
    'cni/10-slipway.conflist': json(cni(node)),
    'resolv.conf': `nameserver ${NETWORK.node}\n`,
    ...Object.fromEntries(Object.entries(KERNEL_SETTINGS).map(([name, value]) => [`sys/${name}`, `${value}\n`])),
  };
}

/**
 * Kernel settings that the kubelet insists on and would change for the whole machine. It is shown files of its own in their
 * place, which hold the wanted values already: it finds nothing to do and the machine keeps its settings.
 */
export const KERNEL_SETTINGS: Readonly<Record<string, number>> = {
  'vm/overcommit_memory': 1,
  'vm/panic_on_oom': 0,
  'kernel/panic': 10,
  'kernel/panic_on_oops': 1,
  'kernel/keys/root_maxkeys': 1_000_000,
  'kernel/keys/root_maxbytes': 25_000_000,
};

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Unneeded plugins are off: they probe for file systems that are not there, and one makes a folder in /opt. */
function containerd({ layout, cniPlugins }: NodeConfiguration): string {
  return `version = 2
root = ${JSON.stringify(path.join(layout.folder, 'containerd'))}
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.internal.v1.opt",
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]
[grpc]
  address = "${CONTAINERD_SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${BASE_IMAGES.pause}"
  disable_apparmor = true
  # Without CAP_SYS_RESOURCE (some containers and sandboxes) no process may be made less killable than its parent.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = ${JSON.stringify(cniPlugins)}
    conf_dir = ${JSON.stringify(path.join(layout.config, 'cni'))}
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
`;
}

function kubelet({ layout, controlGroup }: NodeConfiguration): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    containerRuntimeEndpoint: `unix://${CONTAINERD_SOCKET}`,
    cgroupDriver: 'cgroupfs',
    // Two kubelets that share a root take each other's pods for orphans and kill them.
    cgroupRoot: `/${controlGroup}`,
    failSwapOn: false,
    failCgroupV1: false,
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: path.join(layout.pki, 'ca.crt') } },
    authorization: { mode: 'Webhook' },
    tlsCertFile: path.join(layout.pki, 'kubelet-server.crt'),
    tlsPrivateKeyFile: path.join(layout.pki, 'kubelet-server.key'),
    readOnlyPort: 0,
    clusterDNS: [NETWORK.dns],
    clusterDomain: 'cluster.local',
    resolvConf: path.join(layout.config, 'resolv.conf'),
    maxPods: 250,
    // Images come from archives and could not be pulled again.
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    evictionHard: { 'memory.available': '200Mi', 'nodefs.available': '1%', 'imagefs.available': '1%', 'nodefs.inodesFree': '1%', 'imagefs.inodesFree': '1%' },
    volumePluginDir: path.join(layout.folder, 'volume-plugins'),
    podLogsDir: path.join(layout.logs, 'pods'),
    nodeStatusUpdateFrequency: '5s',
    // Secret and ConfigMap volumes follow within seconds instead of minutes.
    syncFrequency: '5s',
  };
}

function kubeProxy({ layout, proxySync }: NodeConfiguration): object {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig: path.join(layout.pki, 'kube-proxy.kubeconfig') },
    mode: 'nftables',
    ...(proxySync === undefined ? {} : { nftables: { minSyncPeriod: proxySync } }),
    clusterCIDR: NETWORK.pods,
    hostnameOverride: layout.id,
    // Connection tracking limits are the machine's; leave them.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
    bindAddress: NETWORK.node,
    metricsBindAddress: '127.0.0.1:10249',
  };
}

/** Every pod has a routed link of its own: with a bridge, answers between two pods would pass kube-proxy's rules unseen. */
function cni({ layout }: NodeConfiguration): object {
  const ipam = { type: 'host-local', dataDir: path.join(layout.folder, 'addresses'), ranges: [[{ subnet: NETWORK.nodePods }]], routes: [{ dst: '0.0.0.0/0' }] };
  return { cniVersion: '0.4.0', name: 'slipway', plugins: [{ type: 'ptp', ipMasq: false, ipam }] };
}

