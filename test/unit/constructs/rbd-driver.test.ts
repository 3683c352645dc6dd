import { Chart, Testing } from 'cdk8s';
import { KeywardDriver, type KeywardDriverProps, KmsConfigMap, type RbdBackend } from '../../../lib/cdk8s';
import { cephImage } from '../../../lib/constructs/images';
import { decodeCephClusters } from '../../../lib/schema/ceph-clusters';
import { decodeRuntimeConfig } from '../../../lib/schema/runtime-config';
import { type Manifest, only, synthesised } from './synthesised';

interface Container {
  readonly name: string;
  readonly args: readonly string[];
  readonly image: string;
  readonly ports?: readonly { readonly containerPort: number }[];
  readonly securityContext: object;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}
interface Pod {
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly securityContext?: object;
  readonly dnsPolicy?: string;
  readonly containers: readonly Container[];
  readonly volumes: readonly {
    readonly name: string;
    readonly hostPath?: object;
    readonly configMap?: object;
    readonly projected?: { readonly sources: readonly object[] };
  }[];
}

const vault = { type: 'vault', address: 'https://vault', auth: { method: 'kubernetes', role: 'keyward' } } as const;
const monitors = ['10.0.0.11:6789', '10.0.0.12:6789'];

function synth(backend: Partial<RbdBackend> = {}, props: Partial<KeywardDriverProps> = {}): readonly Manifest[] {
  const chart = new Chart(Testing.app(), 'test');
  new KeywardDriver(chart, 'driver', {
    namespace: 'rook-ceph',
    backend: { type: 'rbd', clusters: 'rook', ...backend },
    kmsConfig: KmsConfigMap.fromKmsConfigMapName('kms', { vault }),
    ...props,
  });
  return synthesised(chart);
}
function podOf(manifests: readonly Manifest[], kind: 'Deployment' | 'DaemonSet'): Pod {
  return (only(manifests, kind).spec as { template: { spec: Pod } }).template.spec;
}
function argsOf(manifests: readonly Manifest[], kind: 'Deployment' | 'DaemonSet', name: string): readonly string[] {
  const found = podOf(manifests, kind).containers.find((it) => it.name === name);
  if (found === undefined) throw new Error(`no container ${name}`);
  return found.args;
}
const configOf = (manifests: readonly Manifest[]) =>
  decodeRuntimeConfig(
    (only(manifests, 'ConfigMap', 'keyward-csi-config').data as Record<string, string>)['config.json'] ?? '',
  );

describe('KeywardDriver with images of Ceph', () => {
  test('the whole manifest', () => {
    expect(synth({ clusters: [{ clusterId: 'prod-a', monitors }] }, { snapshots: true })).toMatchSnapshot();
  });

  test('R2: the sidecar of CSI-Addons is in both kinds of pods; on the network of the node beside the other ports', () => {
    const manifests = synth({ nodeHealthPort: 9900 }, { csiAddons: true });
    expect(argsOf(manifests, 'DaemonSet', 'csi-addons')).toContain('--controller-port=9902');
    expect(argsOf(manifests, 'Deployment', 'csi-addons')).toContain('--controller-port=9070');
    for (const kind of ['DaemonSet', 'Deployment'] as const) {
      const { volumes } = podOf(manifests, kind);
      expect(volumes.map(({ name }) => name)).toContain('api-access');
    }
  });

  test('R3: the configuration reads back as declared', () => {
    const pools = [{ clusterId: 'rook-ceph', pool: 'replicapool' }];
    const credentials = [{ clusterId: 'rook-ceph', secret: { name: 'rook-csi-rbd-provisioner' } }];
    const flatten = { softDepth: 2 };
    expect(configOf(synth({ pools, credentials, flatten, clusterName: 'prod', mapTimeoutSeconds: 60 }))).toMatchObject({
      backend: {
        type: 'rbd',
        clustersFile: '/etc/ceph-csi-config/config.json',
        pools,
        credentials: [{ clusterId: 'rook-ceph', secret: { namespace: 'rook-ceph', name: 'rook-csi-rbd-provisioner' } }],
        flatten: { softDepth: 2, hardDepth: 8 },
        clusterName: 'prod',
        mapTimeoutSeconds: 60,
      },
    });
  });

  test("the list of clusters is Rook's own, by its key, and followed without a restart", () => {
    for (const kind of ['Deployment', 'DaemonSet'] as const) {
      const { volumes, containers } = podOf(synth(), kind);
      expect(volumes).toContainEqual({
        name: 'ceph-clusters',
        configMap: { name: 'rook-ceph-csi-config', items: [{ key: 'csi-cluster-config-json', path: 'config.json' }] },
      });
      expect(containers[0]?.volumeMounts).toContainEqual({
        name: 'ceph-clusters',
        mountPath: '/etc/ceph-csi-config',
        readOnly: true,
      });
    }
  });

  test('R3: clusters that are declared read back as ceph-csi reads them', () => {
    const clusters = [{ clusterId: 'prod-a', monitors, radosNamespace: 'k8s' }];
    const { data } = only(synth({ clusters }), 'ConfigMap', 'keyward-csi-clusters') as unknown as {
      data: Record<string, string>;
    };
    expect(decodeCephClusters(data['config.json'] ?? '')).toEqual([
      { clusterID: 'prod-a', monitors, rbd: { radosNamespace: 'k8s' } },
    ]);
  });

  test('the controller is elected and has nothing of a node', () => {
    const manifests = synth({}, { snapshots: true });
    const { containers, volumes, hostNetwork } = podOf(manifests, 'Deployment');
    expect(containers.map(({ name }) => name)).toEqual([
      'keyward',
      'csi-provisioner',
      'csi-resizer',
      'csi-snapshotter',
      'csi-attacher',
    ]);
    for (const { name, args, securityContext } of containers) {
      expect(securityContext).toMatchObject({ allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } });
      if (name !== 'keyward') expect(args).toContain('--leader-election');
    }
    expect(volumes.filter((it) => it.hostPath !== undefined)).toEqual([]);
    expect(hostNetwork).toBeUndefined();
    expect(argsOf(manifests, 'Deployment', 'keyward')).toContain('--controller');
    expect(argsOf(manifests, 'Deployment', 'keyward')).not.toContain('--node');
    for (const name of ['csi-provisioner', 'csi-snapshotter'])
      expect(argsOf(manifests, 'Deployment', name)).toContain('--extra-create-metadata');
  });

  test('the controller and its sidecars run as one user, who is not root, since its sockets are for that user alone', () => {
    const user = { runAsNonRoot: true, runAsUser: 65_532, runAsGroup: 65_532, fsGroup: 65_532 };
    expect(podOf(synth(), 'Deployment').securityContext).toEqual(user);
    expect(podOf(synth(), 'DaemonSet').securityContext).toEqual({ runAsUser: 0 });
  });

  test('keyward comes with the tools of Ceph, unless another image is given', () => {
    const image = (manifests: readonly Manifest[]) => podOf(manifests, 'DaemonSet').containers[0]?.image;
    expect(image(synth())).toBe(cephImage);
    expect(image(synth({}, { images: { keyward: 'registry.example.com/keyward:1' } }))).toBe(
      'registry.example.com/keyward:1',
    );
  });

  test('no sidecar asks for the topology or the capacity of a node', () => {
    const manifests = synth({}, { snapshots: true });
    const args = podOf(manifests, 'Deployment').containers.flatMap((container) => container.args);
    expect(args.filter((arg) => /node-deployment|topology|capacity/.test(arg))).toEqual([]);
    expect(only(manifests, 'CSIDriver').spec).toMatchObject({ storageCapacity: false, attachRequired: true });
  });

  test('the pod of a node maps in the network and the process ids of the node, and holds no token for the API', () => {
    const manifests = synth();
    const pod = podOf(manifests, 'DaemonSet');
    expect(pod).toMatchObject({ hostNetwork: true, hostPID: true, dnsPolicy: 'ClusterFirstWithHostNet' });
    expect(pod.containers.map(({ name, securityContext }) => [name, securityContext])).toEqual([
      ['keyward', { privileged: true, runAsUser: 0, readOnlyRootFilesystem: true }],
    ]);
    const paths = pod.containers[0]?.volumeMounts.map(({ mountPath }) => mountPath);
    expect(paths).toEqual(expect.arrayContaining(['/dev', '/sys', '/lib/modules', '/run/cryptsetup']));
    expect(paths).not.toContain('/var/lib/keyward');
    expect(pod.volumes.map(({ name }) => name)).not.toContain('api-access');
    expect(argsOf(manifests, 'DaemonSet', 'keyward')).toContain('--node');
    expect(argsOf(manifests, 'DaemonSet', 'keyward')).not.toContain('--controller');
  });

  test('the ports on the network of the node can be chosen', () => {
    expect(podOf(synth(), 'DaemonSet').containers[0]?.ports).toMatchObject([{ containerPort: 9810 }]);
    const kms = { t: { type: 'vaulttenantsa', address: 'https://vault', tenantSAName: 'sa' } } as const;
    const kmsConfig = KmsConfigMap.fromKmsConfigMapName('kms', kms);
    const { containers, volumes } = podOf(
      synth({ nodeHealthPort: 9900 }, { kmsConfig, tenants: ['shop'] }),
      'DaemonSet',
    );
    expect(containers.map(({ name, ports }) => [name, ports?.[0]?.containerPort])).toEqual([
      ['keyward', 9900],
      ['tenant-agent', 9901],
    ]);
    expect(volumes.map(({ name }) => name)).toContain('api-access');
  });

  test('controller and node pods are selected apart, and together by the labels of the driver', () => {
    const selectors = (['Deployment', 'DaemonSet'] as const).map(
      (kind) =>
        (only(synth(), kind).spec as { selector: { matchLabels: Record<string, string> } }).selector.matchLabels,
    );
    expect(selectors.map((labels) => labels['app.kubernetes.io/component'])).toEqual(['controller', 'node']);
    for (const labels of selectors) expect(labels).toMatchObject({ 'app.kubernetes.io/instance': 'keyward-csi' });
  });

  test('attachments can be left out, and the sidecar with them', () => {
    const manifests = synth({ attachRequired: false });
    expect(only(manifests, 'CSIDriver').spec).toMatchObject({ attachRequired: false });
    expect(podOf(manifests, 'Deployment').containers.map(({ name }) => name)).not.toContain('csi-attacher');
  });

  test('volumes are attached by Kubernetes, with the sidecar and the rights for it', () => {
    const manifests = synth({});
    expect(only(manifests, 'CSIDriver').spec).toMatchObject({ attachRequired: true });
    expect(argsOf(manifests, 'Deployment', 'csi-attacher')).toContain('--leader-election');
    const rules = only(manifests, 'ClusterRole').rules as readonly { resources: string[]; verbs: string[] }[];
    const verbs = (resource: string) => rules.filter((it) => it.resources.includes(resource)).flatMap((it) => it.verbs);
    expect(verbs('volumeattachments')).toContain('patch');
    expect(verbs('volumeattachments/status')).toEqual(['patch']);
  });

  test('users for lists are mounted key by key, readable by root alone', () => {
    const credentials = [{ clusterId: 'rook-ceph', secret: { name: 'ceph-user' } }];
    const config = podOf(synth({ credentials }), 'Deployment').volumes.find(({ name }) => name === 'config');
    expect(config?.projected?.sources).toContainEqual({
      secret: {
        name: 'ceph-user',
        items: ['userID', 'userKey'].map((key) => ({ key, mode: 0o400, path: `secrets/rook-ceph/ceph-user/${key}` })),
      },
    });
  });

  test('no key of Ceph is in a manifest: the configuration names Secrets', () => {
    const credentials = [{ clusterId: 'rook-ceph', secret: { name: 'ceph-user', userKey: 'AQBcanary==' } }];
    expect(JSON.stringify(synth({ credentials }))).not.toContain('canary');
  });

  test.each<[string, Partial<RbdBackend>, string]>([
    ['pools that nobody may list', { pools: [{ clusterId: 'a', pool: 'p' }] }, 'trap 2'],
    [
      'a user whose Secret no pod can mount',
      { credentials: [{ clusterId: 'a', secret: { name: 's', namespace: 'other' } }] },
      'A pod mounts Secrets of its own namespace only',
    ],
    ['a cluster twice', { clusters: [1, 2].map(() => ({ clusterId: 'a', monitors })) }, 'has a clusterID twice'],
    ['a cluster without monitors', { clusters: [{ clusterId: 'a', monitors: [] }] }, 'names no monitor'],
    ['flattening that comes too late', { flatten: { softDepth: 9 } }, 'backend.flatten.softDepth is above hardDepth'],
  ])('R18: refuses %s', (_, backend, message) => {
    expect(() => synth(backend)).toThrow(message);
  });

  test('R18: refuses misspelt options in the compiler and at synth', () => {
    // @ts-expect-error radosNamspace is not a field
    const clusters: RbdBackend['clusters'] = [{ clusterId: 'a', monitors, radosNamspace: 'x' }];
    expect(() => synth({ clusters })).toThrow('got "radosNamspace"');
    // @ts-expect-error mapTimeout is not an option
    expect(() => synth({ mapTimeout: 5 })).toThrow('backend.mapTimeout is not a known key');
  });
});
