import { Chart, Size, Testing } from 'cdk8s';
import { KeywardDriver, type KeywardDriverProps, KmsConfigMap } from '../../../lib/cdk8s';
import { defaultImages } from '../../../lib/constructs/images';
import type { KmsProps } from '../../../lib/schema/kms';
import { secretFile } from '../../../lib/schema/names';
import { decodeRuntimeConfig } from '../../../lib/schema/runtime-config';
import { version } from '../../../package.json';
import { type Manifest, only, synthesised } from './synthesised';

interface Container {
  readonly name: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string }[];
  readonly securityContext: object;
  readonly resources: { readonly limits: { readonly memory: string } };
  readonly volumeMounts: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly mountPropagation?: string;
  }[];
}
interface Volume {
  readonly name: string;
  readonly hostPath?: { readonly path: string };
  readonly projected?: { readonly sources: readonly object[] };
}

const vault = { type: 'vault', address: 'https://vault', auth: { method: 'kubernetes', role: 'keyward' } } as const;

function synth(
  props: Partial<KeywardDriverProps> = {},
  kms: Record<string, KmsProps> = { vault },
): readonly Manifest[] {
  const chart = new Chart(Testing.app(), 'test', { namespace: 'of-the-chart' });
  new KeywardDriver(chart, 'driver', {
    namespace: 'keyward-system',
    backend: { type: 'loop' },
    kmsConfig: KmsConfigMap.fromKmsConfigMapName('kms', kms),
    ...props,
  });
  return synthesised(chart);
}
function podOf(manifests: readonly Manifest[]) {
  const { template } = only(manifests, 'DaemonSet').spec as { template: { metadata: object; spec: object } };
  return template as {
    metadata: { annotations: Record<string, string> };
    spec: { containers: readonly Container[]; volumes: readonly Volume[]; automountServiceAccountToken: boolean };
  };
}
function container(manifests: readonly Manifest[], name: string): Container {
  const found = podOf(manifests).spec.containers.find((it) => it.name === name);
  if (found === undefined) throw new Error(`no container ${name}`);
  return found;
}
const rulesOf = (manifests: readonly Manifest[], kind: string) =>
  only(manifests, kind).rules as readonly { apiGroups: string[]; resources: string[]; verbs: string[] }[];

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
      spec: { attachRequired: false, storageCapacity: true, fsGroupPolicy: 'File', podInfoOnMount: false },
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

  test('only the driver is privileged, and only the sidecars hold a token for the API', () => {
    const { containers, automountServiceAccountToken } = podOf(
      synth({ snapshots: true }, { p: { type: 'metadata' } }),
    ).spec;
    expect(automountServiceAccountToken).toBe(false);
    for (const { name, securityContext, volumeMounts } of containers) {
      const own = name === 'keyward';
      expect(securityContext).toEqual(
        own
          ? { privileged: true }
          : expect.objectContaining({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true }),
      );
      expect(volumeMounts.some((it) => it.name === 'api-access')).toBe(!own);
    }
  });

  test('R4: the token for Vault has the audience of the role', () => {
    const volume = podOf(synth({ vaultAudience: 'vault' })).spec.volumes.find(({ name }) => name === 'kms-token-0');
    expect(volume?.projected?.sources).toEqual([
      { serviceAccountToken: { path: 'token', expirationSeconds: 3600, audience: 'vault' } },
    ]);
    expect(container(synth(), 'keyward').volumeMounts).toContainEqual(
      expect.objectContaining({ name: 'kms-token-0', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }),
    );
  });

  test('R3: mounts the Secrets that the KMS settings name', () => {
    const namespace = 'keyward-system';
    const file = (name: string, key: string) => secretFile({ namespace, name, key });
    const sources = podOf(
      synth(
        {},
        {
          phrase: { type: 'metadata', secretName: 'phrase', secretNamespace: namespace },
          vault: {
            type: 'vault',
            address: 'https://vault',
            tls: { caFile: file('vault', 'ca.crt') },
            auth: { method: 'token', tokenFile: file('vault', 'token') },
          },
        },
      ),
    ).spec.volumes.find(({ name }) => name === 'config')?.projected?.sources;
    expect(sources?.slice(2)).toEqual([
      {
        secret: {
          name: 'phrase',
          items: [
            { key: 'encryptionPassphrase', mode: 0o400, path: 'secrets/keyward-system/phrase/encryptionPassphrase' },
          ],
        },
      },
      {
        secret: {
          name: 'vault',
          items: [
            { key: 'ca.crt', mode: 0o400, path: 'secrets/keyward-system/vault/ca.crt' },
            { key: 'token', mode: 0o400, path: 'secrets/keyward-system/vault/token' },
          ],
        },
      },
    ]);
  });

  test('R3: refuses a Secret of tenants when none is named, and a file that nothing mounts', () => {
    expect(() => synth({}, { p: { type: 'metadata', secretName: 's' } })).toThrow(
      'tenants: got none; allowed: the namespaces whose claims use this KMS.',
    );
    const auth = { method: 'token', tokenFile: '/root/token' } as const;
    expect(() => synth({}, { v: { ...vault, auth } })).toThrow(
      'kms.v: got /root/token; allowed: a file under /etc/keyward/secrets/',
    );
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

  test('the rules are those of the sidecars, without any on Secrets', () => {
    const rules = rulesOf(synth(), 'ClusterRole');
    const verbs = (resource: string) =>
      [...new Set(rules.filter((it) => it.resources.includes(resource)).flatMap((it) => it.verbs))].sort();
    expect(verbs('persistentvolumes')).toEqual(['create', 'delete', 'get', 'list', 'patch', 'watch']);
    expect(verbs('persistentvolumeclaims')).toEqual(['get', 'list', 'update', 'watch']);
    expect(verbs('persistentvolumeclaims/status')).toEqual(['patch']);
    expect(verbs('events')).toEqual(['create', 'list', 'patch', 'update', 'watch']);
    expect(verbs('volumesnapshotcontents')).toEqual([]);
    expect(verbs('secrets')).toEqual([]);
    expect(rulesOf(synth(), 'Role').flatMap(({ resources }) => resources)).toEqual([
      'leases',
      'csistoragecapacities',
      'pods',
    ]);
  });

  describe('with the sidecar of CSI-Addons', () => {
    const manifests = synth({ csiAddons: true });
    const sidecar = podOf(manifests).spec.containers.find(({ name }) => name === 'csi-addons');

    test('R2: it announces the pod, and is told no address, which the controller would not take', () => {
      expect(sidecar?.args).toEqual([
        '--csi-addons-address=/csi/csi-addons.sock',
        '--node-id=$(NODE_NAME)',
        '--pod=$(POD_NAME)',
        '--namespace=$(NAMESPACE)',
        '--pod-uid=$(POD_UID)',
        '--controller-port=9070',
        '--leader-election-namespace=$(NAMESPACE)',
        '--stagingpath=/var/lib/kubelet/plugins/kubernetes.io/csi/',
      ]);
      expect(sidecar?.env.map(({ name }) => name)).toEqual(['NODE_NAME', 'NAMESPACE', 'POD_NAME', 'POD_UID']);
      expect(
        synth()
          .flatMap((each) => JSON.stringify(each))
          .join(),
      ).not.toContain('k8s-sidecar');
    });

    test('R14: it may keep its own object, find a volume and ask who calls, and nothing more', () => {
      const added = (kind: 'ClusterRole' | 'Role') => {
        const known = rulesOf(synth(), kind).map((rule) => JSON.stringify(rule));
        return rulesOf(manifests, kind).filter((rule) => !known.includes(JSON.stringify(rule)));
      };
      expect(added('ClusterRole').map(({ resources, verbs }) => [...resources, ...verbs])).toEqual([
        ['persistentvolumes', 'get'],
        ['tokenreviews', 'create'],
      ]);
      expect(added('Role').map(({ resources, verbs }) => [...resources, ...verbs])).toEqual([
        ['csiaddonsnodes', 'get', 'list', 'watch', 'create', 'update', 'delete'],
        ['replicasets', 'get'],
        ['daemonsets/finalizers', 'deployments/finalizers', 'update'],
      ]);
    });
  });

  test('the image is the version of the package', () => {
    expect(defaultImages.keyward).toBe(`ghcr.io/keyward/keyward:${version}`);
  });
});
