// What is missing on a machine, and the command that installs it.
import { expect, it } from 'vitest';
import { installCommand } from './packages.ts';
import { cniFolder, missingPackages } from './requirements.ts';

it('names each package once, CNI plugins among them', () => {
  expect(missingPackages(() => false)).toEqual(['containerd', 'containernetworking-plugins', 'iproute2', 'mount', 'nftables', 'openssl', 'runc', 'util-linux']);
});

it('finds commands outside the PATH of an ordinary shell', () => {
  const files = ['/usr/bin/containerd', '/usr/bin/ctr', '/usr/sbin/runc', '/sbin/nft', '/sbin/ip', '/usr/bin/nsenter', '/usr/bin/unshare', '/bin/mount'];
  const plugins = ['ptp', 'host-local', 'loopback'].map((name) => `/opt/cni/bin/${name}`);
  const has = (file: string): boolean => [...files, ...plugins].includes(file);
  expect(missingPackages(has)).toEqual(['openssl']);
  expect(cniFolder(has)).toBe('/opt/cni/bin');
});

it('gives a command to copy', () => {
  expect(installCommand(['runc', 'nftables'])).toBe('apt-get update && apt-get install -y --no-install-recommends runc nftables');
});
