import { nodeNetwork } from '../../../../tools/cluster/addresses';
import { nodeFiles } from '../../../../tools/cluster/node-files';

const files = nodeFiles({
  network: nodeNetwork(2),
  folder: '/box/node-2',
  serving: { certificateFile: '', keyFile: '', certificatePem: 'certificate', keyPem: 'key' },
  caPem: 'ca',
  runtime: '/usr/bin/crun',
});

describe('nodeFiles', () => {
  test('lets the kubelet read files of its node only', () => {
    const kubelet = JSON.parse(files['kubelet.yaml'] ?? '');
    const read = [kubelet.tlsCertFile, kubelet.tlsPrivateKeyFile, kubelet.authentication.x509.clientCAFile];
    expect(read).toEqual(['/box/node-2/kubelet.crt', '/box/node-2/kubelet.key', '/box/node-2/ca.crt']);
    for (const path of read) expect(Object.keys(files)).toContain(path.slice('/box/node-2/'.length));
  });

  test('has the kubelet listen on the address of its node, and refuse whoever shows no certificate or token', () => {
    const kubelet = JSON.parse(files['kubelet.yaml'] ?? '');
    expect(kubelet).toMatchObject({ address: '10.99.0.12', readOnlyPort: 0 });
    expect(kubelet.authentication.anonymous).toEqual({ enabled: false });
  });

  test('gives each node pods of its own addresses', () => {
    const [plugin] = JSON.parse(files['pods.conflist'] ?? '').plugins;
    expect(plugin.ipam.ranges).toEqual([[{ subnet: nodeNetwork(2).podRange }]]);
    expect(nodeNetwork(1).podRange).not.toBe(nodeNetwork(2).podRange);
  });

  test('names the runtime and the image of sandboxes to containerd', () => {
    expect(files['containerd.toml']).toContain('BinaryName = "/usr/bin/crun"');
    expect(files['containerd.toml']).toContain('sandbox_image = "localhost/pause:1"');
  });

  test('tells pods on the network of the node where OpenBao is', () => {
    expect(files.hosts).toContain('10.99.0.1 vault.vault.svc vault.vault.svc.cluster.local\n');
  });
});
