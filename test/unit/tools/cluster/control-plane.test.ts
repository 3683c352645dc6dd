import { apiPort, apiServiceAddress, nodeNetwork, serviceRange } from '../../../../tools/cluster/addresses';
import { apiServerFlags, controllerManagerFlags } from '../../../../tools/cluster/control-plane';
import type { BoxStatus } from '../../../../tools/cluster/control-protocol';
import { statusText } from '../../../../tools/cluster/status-text';

const pair = (name: string) => ({ certificateFile: `${name}.crt`, keyFile: `${name}.key` });
const files = {
  caFile: 'ca.crt',
  serving: pair('serving'),
  kubeletClient: pair('kubelet-client'),
  serviceAccounts: pair('accounts'),
  tokenFile: 'tokens.csv',
};

test('signs the tokens of service accounts with the key with which the API server checks them', () => {
  expect(apiServerFlags(files, [])).toContain('--service-account-key-file=accounts.crt');
  expect(controllerManagerFlags(files, 'kubeconfig')).toContain('--service-account-private-key-file=accounts.key');
});

test('authorizes nodes as nodes', () => {
  expect(apiServerFlags(files, [])).toEqual(
    expect.arrayContaining(['--authorization-mode=Node,RBAC', '--enable-admission-plugins=NodeRestriction']),
  );
});

test('serves the API where the Service `kubernetes` leads, which is the first address of the Services', () => {
  expect(apiServerFlags(files, [])).toContain(`--secure-port=${apiPort}`);
  expect(serviceRange).toBe(apiServiceAddress.replace(/\.1$/, '.0/24'));
});

test('puts further flags last, where they win', () => {
  expect(apiServerFlags(files, ['--v=4']).at(-1)).toBe('--v=4');
});

test('gives no two nodes the same place', () => {
  const all = [1, 2, 3, 4].flatMap((number) => Object.values(nodeNetwork(number)));
  expect(new Set(all).size).toBe(all.length);
});

const status: BoxStatus = {
  folder: '/box',
  pid: 2,
  startedAt: '2026-01-01T00:00:00.000Z',
  kubeconfig: '/box/kubeconfig',
  caFile: '/box/pki/ca.crt',
  apiServer: 'https://127.0.0.1:1',
  openBao: { address: 'https://127.0.0.1:2', addressInside: 'https://10.99.0.1:8200' },
  processes: [{ name: 'etcd', running: false, residentMiB: 0, logFile: '/box/log/etcd.log' }],
  nodes: [{ name: 'node-1', address: '10.99.0.11', running: true, folder: '/box/node-1' }],
};

test('shows what has ended, and how to reach what runs', () => {
  const text = statusText(status);
  expect(text).toMatch(/^etcd +ended +0 MiB +\/box\/log\/etcd\.log$/m);
  expect(text).toMatch(/^node-1 +runs +10\.99\.0\.11 /m);
  expect(text).toMatch(/^export KUBECONFIG=\/box\/kubeconfig$/m);
  expect(text).not.toContain('Ceph');
});

test('shows what a driver needs to know of a Ceph', () => {
  const fsid = 'eb17ca6d-bbb2-4068-888c-f9ac1e9abbb3';
  const ceph = { fsid, monitors: ['10.99.0.1:6789'], pool: 'kube', user: 'keyward' };
  const text = statusText({ ...status, ceph });
  expect(text).toMatch(/^Ceph +eb17ca6d-bbb2-4068-888c-f9ac1e9abbb3 at 10\.99\.0\.1:6789; pool kube$/m);
  expect(text).toMatch(/^its user +keyward, .*ceph-key/m);
});
