// The table of a cluster's daemons: how each is started and what must be up before it. Nothing is started here.
import path from 'node:path';
import { CONTAINERD_SOCKET } from './configuration.ts';
import { NETWORK, type Layout } from './layout.ts';

/** What the command lines depend on. */
export interface DaemonContext {
  readonly layout: Layout;
  /** Path of the program that is every Kubernetes component and etcd. */
  readonly kube: string;
}

export interface DaemonSpec {
  readonly name: string;
  /** 0 starts at once; 1 when the API server is ready. */
  readonly stage: 0 | 1;
  readonly command: (context: DaemonContext) => string[];
}

const ETCD_URL = 'http://127.0.0.1:2379';

export const DAEMONS: readonly DaemonSpec[] = [
  { name: 'etcd', stage: 0, command: etcd },
  { name: 'containerd', stage: 0, command: ({ layout }) => ['containerd', '--config', path.join(layout.config, 'containerd.toml')] },
  { name: 'kube-apiserver', stage: 0, command: apiServer },
  { name: 'kube-controller-manager', stage: 1, command: controllerManager },
  { name: 'kube-scheduler', stage: 1, command: scheduler },
  { name: 'kubelet', stage: 1, command: kubelet },
  { name: 'kube-proxy', stage: 1, command: ({ layout, kube }) => [kube, 'kube-proxy', `--config=${path.join(layout.config, 'kube-proxy.yaml')}`] },
];

/** Nothing outlives the cluster, so nothing is forced to disk. */
function etcd({ layout, kube }: DaemonContext): string[] {
  return [
    kube, 'etcd', '--data-dir', path.join(layout.folder, 'etcd'), '--listen-client-urls', ETCD_URL, '--advertise-client-urls', ETCD_URL,
    '--listen-peer-urls', 'http://127.0.0.1:2380', '--unsafe-no-fsync', '--quota-backend-bytes', String(8 * 1024 ** 3), '--log-level', 'warn',
  ];
}

function apiServer({ layout, kube }: DaemonContext): string[] {
  const pki = (file: string): string => path.join(layout.pki, file);
  return [
    kube, 'kube-apiserver', `--etcd-servers=${ETCD_URL}`, `--advertise-address=${NETWORK.node}`, '--bind-address=0.0.0.0', `--secure-port=${NETWORK.apiPort}`,
    `--service-cluster-ip-range=${NETWORK.services}`, '--authorization-mode=Node,RBAC', '--enable-admission-plugins=NodeRestriction', '--allow-privileged=true',
    `--client-ca-file=${pki('ca.crt')}`, `--tls-cert-file=${pki('apiserver.crt')}`, `--tls-private-key-file=${pki('apiserver.key')}`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local', `--service-account-key-file=${pki('service-accounts.pub')}`,
    `--service-account-signing-key-file=${pki('service-accounts.key')}`,
    `--kubelet-client-certificate=${pki('apiserver-kubelet.crt')}`, `--kubelet-client-key=${pki('apiserver-kubelet.key')}`,
    `--kubelet-certificate-authority=${pki('ca.crt')}`, '--kubelet-preferred-address-types=InternalIP',
    `--requestheader-client-ca-file=${pki('front-ca.crt')}`, '--requestheader-allowed-names=front-proxy-client', '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    '--requestheader-group-headers=X-Remote-Group', '--requestheader-username-headers=X-Remote-User',
    `--proxy-client-cert-file=${pki('front-client.crt')}`, `--proxy-client-key-file=${pki('front-client.key')}`, '--enable-aggregator-routing=true',
    '--profiling=false', '--v=1',
  ];
}

/** Rates and autoscaling periods are raised for one small node, where waiting is the only cost there is. */
function controllerManager(context: DaemonContext): string[] {
  const pki = (file: string): string => path.join(context.layout.pki, file);
  return [
    ...clientOf('kube-controller-manager', context), '--use-service-account-credentials=true', `--service-account-private-key-file=${pki('service-accounts.key')}`,
    `--root-ca-file=${pki('ca.crt')}`, '--allocate-node-cidrs=true', `--cluster-cidr=${NETWORK.pods}`, `--service-cluster-ip-range=${NETWORK.services}`,
    `--node-cidr-mask-size=${NETWORK.nodePodsPrefix}`, `--requestheader-client-ca-file=${pki('front-ca.crt')}`,
    `--cluster-signing-cert-file=${pki('ca.crt')}`, `--cluster-signing-key-file=${pki('ca.key')}`,
    '--concurrent-gc-syncs=10', '--concurrent-deployment-syncs=10', '--concurrent-replicaset-syncs=10',
    '--horizontal-pod-autoscaler-sync-period=5s', '--horizontal-pod-autoscaler-downscale-stabilization=30s',
  ];
}

function scheduler(context: DaemonContext): string[] {
  return clientOf('kube-scheduler', context);
}

function clientOf(name: string, { layout, kube }: DaemonContext): string[] {
  const kubeconfig = path.join(layout.pki, `${name}.kubeconfig`);
  return [
    kube, name, `--kubeconfig=${kubeconfig}`, `--authentication-kubeconfig=${kubeconfig}`, `--authorization-kubeconfig=${kubeconfig}`,
    '--leader-elect=false', '--bind-address=127.0.0.1', '--kube-api-qps=300', '--kube-api-burst=600',
  ];
}

function kubelet({ layout, kube }: DaemonContext): string[] {
  return [
    kube, 'kubelet', `--config=${path.join(layout.config, 'kubelet.yaml')}`, `--kubeconfig=${path.join(layout.pki, 'kubelet.kubeconfig')}`,
    `--root-dir=${path.join(layout.folder, 'kubelet')}`, `--cert-dir=${path.join(layout.folder, 'kubelet-certificates')}`,
    `--hostname-override=${layout.id}`, `--node-ip=${NETWORK.node}`, '--v=2',
  ];
}

/** Command line of containerd's own client inside the cluster's mount namespace. */
export function containerdClient(...args: string[]): string[] {
  return ['ctr', '--address', CONTAINERD_SOCKET, '--namespace', 'k8s.io', ...args];
}
