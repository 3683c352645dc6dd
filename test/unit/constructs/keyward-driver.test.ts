import { Size } from 'cdk8s';
import { KmsConfigMap } from '../../../lib/cdk8s';
import { defaultImages } from '../../../lib/constructs/images';
import { decodeRuntimeConfig } from '../../../lib/schema/runtime-config';
import { version } from '../../../package.json';
import { container, podOf, synth, vault } from './driver-fixture';
import { type Manifest, only } from './synthesised';

describe('KeywardDriver', () => {
  test('the whole manifest', () => {
    expect(synth({ snapshots: true })).toMatchSnapshot();
  });

  test('R3: the configuration reads back as declared', () => {
    const data = only(synth({ backend: { type: 'loop', capacity: Size.gibibytes(2) } }), 'ConfigMap').data as Record<
      string,
      string
    >;
    expect(decodeRuntimeConfig(data['config.json'] ?? '')).toMatchObject({
      driverName: 'csi.keyward.io',
      backend: { type: 'loop', directory: '/var/lib/keyward', capacityBytes: 2 * 1024 ** 3 },
    });
  });

  test('namespaced objects are in the namespace of the driver, the others in none', () => {
    const inNone = ['CSIDriver', 'ClusterRole', 'ClusterRoleBinding'];
    for (const { kind, metadata } of synth()) {
      expect([kind, metadata.namespace]).toEqual([kind, inNone.includes(kind) ? undefined : 'keyward-system']);
    }
  });

  test('the CSIDriver object fits node-local volumes', () => {
    expect(only(synth(), 'CSIDriver')).toMatchObject({
      metadata: { name: 'csi.keyward.io' },
      spec: { attachRequired: false, storageCapacity: true, fsGroupPolicy: 'File', podInfoOnMount: true },
    });
  });

  test('the driver is told where everything is', () => {
    const { args } = container(synth({ driverName: 'csi.example.org', kubeletDirectory: '/data/kubelet' }), 'keyward');
    expect(args).toEqual([
      'csi',
      '--controller',
      '--node',
      '--node-id=$(NODE_ID)',
      '--endpoint=unix:///csi/csi.sock',
      '--csi-addons-endpoint=unix:///csi/csi-addons.sock',
      '--config=/etc/keyward/config.json',
      '--kms-config=/etc/keyward/kms/config.json',
      '--secrets-dir=/etc/keyward/secrets',
      '--state-dir=/data/kubelet/plugins/csi.example.org/state',
      '--kubelet-registration-dir=/registration',
      '--kubelet-socket-path=/data/kubelet/plugins/csi.example.org/csi.sock',
      '--health-port=9808',
    ]);
  });

  test('every mount has its volume, and mounts reach the kubelet', () => {
    const { containers, volumes } = podOf(synth()).spec;
    const names = volumes.map(({ name }) => name);
    for (const { volumeMounts } of containers) for (const { name } of volumeMounts) expect(names).toContain(name);
    const mounts = container(synth(), 'keyward').volumeMounts;
    expect(mounts.filter((it) => it.mountPropagation === 'Bidirectional').map((it) => it.mountPath)).toEqual([
      '/var/lib/kubelet/plugins',
      '/var/lib/kubelet/pods',
    ]);
    expect(mounts.map((it) => it.mountPath)).toEqual(
      expect.arrayContaining([
        '/dev',
        '/sys',
        '/lib/modules',
        '/run/cryptsetup',
        '/var/lib/keyward',
        '/csi',
        '/registration',
      ]),
    );
  });

  test('the backing directory is the same path on the node and in the container', () => {
    const manifests = synth({ backend: { type: 'loop', directory: '/srv/keyward' } });
    expect(podOf(manifests).spec.volumes).toContainEqual({
      name: 'backing',
      hostPath: { path: '/srv/keyward', type: 'DirectoryOrCreate' },
    });
    expect(container(manifests, 'keyward').volumeMounts).toContainEqual(
      expect.objectContaining({ name: 'backing', mountPath: '/srv/keyward' }),
    );
  });

  test('provisioner and snapshotter work per node, the resizer elects a leader', () => {
    const manifests = synth({ snapshots: true });
    expect(container(manifests, 'csi-provisioner').args).toEqual(
      expect.arrayContaining([
        '--node-deployment',
        '--strict-topology',
        '--immediate-topology=false',
        '--extra-create-metadata',
      ]),
    );
    expect(container(manifests, 'csi-snapshotter').args).toContain('--node-deployment');
    expect(container(manifests, 'csi-resizer').args).toContain('--leader-election');
    expect(container(manifests, 'csi-provisioner').env.map(({ name }) => name)).toEqual([
      'NODE_NAME',
      'NAMESPACE',
      'POD_NAME',
    ]);
    expect(() => container(synth(), 'csi-snapshotter')).toThrow('no container');
  });

  test('R12: every container has a memory limit', () => {
    for (const { resources } of podOf(synth({ snapshots: true })).spec.containers)
      expect(resources.limits.memory).toMatch(/^\d+Mi$/);
    expect(container(synth({ memoryLimit: Size.gibibytes(1) }), 'keyward').resources.limits.memory).toBe('1024Mi');
  });

  test('refuses a ConfigMap that it cannot mount', () => {
    const kmsConfig = KmsConfigMap.fromKmsConfigMapName('kms', { vault }, 'connection-details');
    expect(() => synth({ kmsConfig })).toThrow('kmsConfig: got kms in the format connection-details');
  });

  test('R18: refuses misspelt options in the compiler and at synth', () => {
    // @ts-expect-error paralel is not an option
    expect(() => synth({ cryptsetup: { paralel: 4 } })).toThrow('cryptsetup.paralel is not a known key');
    // @ts-expect-error dir is not an option
    expect(() => synth({ backend: { type: 'loop', dir: '/x' } })).toThrow('backend.dir is not a known key');
  });

  test('a change of the configuration replaces the pods', () => {
    const hashOf = (manifests: readonly Manifest[]) => podOf(manifests).metadata.annotations['keyward.io/config-hash'];
    expect(hashOf(synth())).toBe(hashOf(synth()));
    expect(hashOf(synth({ logLevel: 'debug' }))).not.toBe(hashOf(synth()));
    expect(hashOf(synth({}, { vault: { ...vault, address: 'https://other' } }))).not.toBe(hashOf(synth()));
  });

  test('the image is the version of the package', () => {
    expect(defaultImages.keyward).toBe(`ghcr.io/keyward/keyward:${version}`);
  });
});
