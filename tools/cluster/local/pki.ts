// The cluster's own certificates and the kubeconfigs made of them: one authority for Kubernetes, one for the API server's
// aggregation layer, ECDSA keys. Made with the openssl command, which Node's crypto lacks the counterpart of.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { exec } from '../../exec.ts';
import { NETWORK } from './layout.ts';

interface Certificate {
  readonly name: string;
  readonly organisation?: string;
  readonly commonName: string;
  readonly usage: 'serverAuth' | 'clientAuth';
  readonly alternativeNames?: string;
  readonly authority?: 'ca' | 'front-ca';
}

const DAYS = '3650';
const OPENSSL_MS = 20_000;

const API_NAMES = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local', 'localhost'];
const API_ADDRESSES = ['127.0.0.1', NETWORK.node, NETWORK.apiService];

function certificates(node: string): Certificate[] {
  const apiNames = [...API_NAMES.map((name) => `DNS:${name}`), ...API_ADDRESSES.map((address) => `IP:${address}`)].join(',');
  return [
    { name: 'apiserver', commonName: 'kube-apiserver', usage: 'serverAuth', alternativeNames: apiNames },
    { name: 'apiserver-kubelet', organisation: 'system:masters', commonName: 'apiserver-kubelet', usage: 'clientAuth' },
    { name: 'admin', organisation: 'system:masters', commonName: 'admin', usage: 'clientAuth' },
    { name: 'kubelet', organisation: 'system:nodes', commonName: `system:node:${node}`, usage: 'clientAuth' },
    { name: 'kubelet-server', commonName: node, usage: 'serverAuth', alternativeNames: `DNS:${node},IP:${NETWORK.node}` },
    { name: 'kube-controller-manager', commonName: 'system:kube-controller-manager', usage: 'clientAuth' },
    { name: 'kube-scheduler', commonName: 'system:kube-scheduler', usage: 'clientAuth' },
    { name: 'kube-proxy', commonName: 'system:kube-proxy', usage: 'clientAuth' },
    { name: 'front-client', commonName: 'front-proxy-client', usage: 'clientAuth', authority: 'front-ca' },
  ];
}

/** Components that read a kubeconfig, which is named after them. */
const CLIENTS = ['admin', 'kubelet', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy'];

/** Makes all keys, certificates and kubeconfigs of a cluster in `folder`, unless they are there. */
export async function makePki(folder: string, node: string): Promise<void> {
  const done = path.join(folder, 'complete');
  if (existsSync(done)) return;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  await Promise.all([makeAuthority(folder, 'ca'), makeAuthority(folder, 'front-ca'), makeServiceAccountKey(folder)]);
  await Promise.all(certificates(node).map((certificate) => sign(folder, certificate)));
  for (const client of CLIENTS) {
    writePrivate(path.join(folder, `${client}.kubeconfig`), kubeconfigOf(folder, client, `https://${NETWORK.node}:${NETWORK.apiPort}`));
  }
  writeFileSync(done, '');
}

/** A kubeconfig that holds everything in itself, as JSON (which is YAML). */
export function kubeconfigOf(folder: string, client: string, server: string, name = 'slipway'): string {
  const data = (file: string): string => readFileSync(path.join(folder, file)).toString('base64');
  const user = { 'client-certificate-data': data(`${client}.crt`), 'client-key-data': data(`${client}.key`) };
  return `${JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'certificate-authority-data': data('ca.crt') } }],
    users: [{ name, user }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: 'default' } }],
    'current-context': name,
  }, null, 2)}\n`;
}

/** Writes a file that only its owner may read. */
export function writePrivate(file: string, text: string): void {
  writeFileSync(file, text, { mode: 0o600 });
}

async function makeAuthority(folder: string, name: string): Promise<void> {
  const extensions = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature', 'subjectKeyIdentifier=hash'];
  await request(folder, { name, subject: [`CN=slipway-${name}`], extensions, signer: [] });
}

async function sign(folder: string, certificate: Certificate): Promise<void> {
  const authority = path.join(folder, certificate.authority ?? 'ca');
  const organisation = certificate.organisation === undefined ? [] : [`O=${certificate.organisation}`];
  const names = certificate.alternativeNames === undefined ? [] : [`subjectAltName=${certificate.alternativeNames}`];
  const extensions = ['basicConstraints=critical,CA:FALSE', 'keyUsage=critical,digitalSignature', `extendedKeyUsage=${certificate.usage}`, ...names];
  const signer = ['-CA', `${authority}.crt`, '-CAkey', `${authority}.key`];
  await request(folder, { name: certificate.name, subject: [...organisation, `CN=${certificate.commonName}`], extensions, signer });
}

interface Request {
  name: string;
  subject: string[];
  extensions: string[];
  /** Arguments that name the signing authority; none for one that signs itself. */
  signer: string[];
}

/** One call makes key and certificate. The configuration is ours alone, so that the machine's own openssl.cnf adds nothing. */
async function request(folder: string, { name, subject, extensions, signer }: Request): Promise<void> {
  const file = path.join(folder, name);
  const config = ['[req]', 'distinguished_name=subject', 'prompt=no', 'x509_extensions=extensions', '[subject]', ...subject, '[extensions]', ...extensions];
  writeFileSync(`${file}.cnf`, `${config.join('\n')}\n`);
  await exec([
    'openssl', 'req', '-x509', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-sha256', '-days', DAYS,
    '-config', `${file}.cnf`, '-keyout', `${file}.key`, '-out', `${file}.crt`, ...signer,
  ], { timeoutMs: OPENSSL_MS });
}

async function makeServiceAccountKey(folder: string): Promise<void> {
  const [key, publicKey] = [path.join(folder, 'service-accounts.key'), path.join(folder, 'service-accounts.pub')];
  await exec(['openssl', 'ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', key], { timeoutMs: OPENSSL_MS });
  await exec(['openssl', 'ec', '-in', key, '-pubout', '-out', publicKey], { timeoutMs: OPENSSL_MS });
}
