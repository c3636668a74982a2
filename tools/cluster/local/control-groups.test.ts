// Reading the hierarchies of control groups as machines really mount them.
import { expect, it } from 'vitest';
import { parseHierarchies } from './control-groups.ts';

const V1 = `25 20 0:22 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
26 25 0:23 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
27 25 0:24 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
28 25 0:25 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
29 1 0:26 / /proc rw - proc proc rw
`;

it('finds version 1 with its controllers and version 2 beside it', () => {
  expect(parseHierarchies(V1)).toEqual([
    { mount: '/sys/fs/cgroup/cpu,cpuacct', version: 1, controllers: ['rw', 'cpu', 'cpuacct'] },
    { mount: '/sys/fs/cgroup/systemd', version: 1, controllers: ['rw', 'name=systemd'] },
    { mount: '/sys/fs/cgroup/unified', version: 2, controllers: [] },
  ]);
});

it('finds version 2 alone', () => {
  expect(parseHierarchies('31 24 0:27 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n')).toEqual([{ mount: '/sys/fs/cgroup', version: 2, controllers: [] }]);
});
