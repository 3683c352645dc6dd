/** What the constructs emit, on a real API server: accepted with every unknown field refused, twice the same, and of the effect that is said. */
import { ApiObject, Chart, Size, Testing } from 'cdk8s';
import {
  CephCsiDisruptionBudget,
  CephCsiKmsConfig,
  CephCsiSecretAccess,
  CephCsiSnapshotClass,
  CephCsiStorageClass,
  CephCsiTenant,
  CsiAddonsConfig,
  DevOnlyInlineSecret,
  DriverNetworkPolicy,
  EncryptedStorage,
  ExternalSecret,
  KeyRotationCronJob,
  KeyRotationJob,
  KeywardAlertRules,
  KeywardDashboard,
  KeywardPodMonitor,
  RookKms,
  RookObjectStoreSecurity,
} from '../../lib/cdk8s';
import { describeWith } from '../harness/describe-with';
import { type Kubernetes, startKubernetes } from '../harness/kubernetes';
import { type AppliedManifest, applyServerSide, installCrds } from '../harness/server-side-apply';

jest.setTimeout(240_000);

const namespaces = ['ceph-csi', 'rook-ceph', 'keyward-system', 'csi-addons-system', 'shop', 'billing'];
const address = 'https://vault.sec.svc:8200';

function chartIn(namespace: string): Chart {
  return new Chart(Testing.app(), 'test', { namespace, disableResourceNameHashes: true });
}

function cephCsi(): Chart {
  const chart = chartIn('ceph-csi');
  const kmsConfig = new CephCsiKmsConfig(chart, 'kms', {
    kms: { accounts: { type: 'vaulttenantsa', address }, tokens: { type: 'vaulttokens', address } },
    deployment: 'operator',
  });
  const storageClass = new CephCsiStorageClass(chart, 'class', {
    kmsConfig,
    kms: 'accounts',
    clusterId: 'prod-a',
    pool: 'kube',
    imageFeatures: ['layering', 'exclusive-lock'],
    secrets: { name: 'ceph-user', namespace: 'ceph-csi' },
    keyRotation: '@weekly',
    metadata: { name: 'encrypted' },
  });
  new CephCsiSnapshotClass(chart, 'snapshots', { storageClass, metadata: { name: 'encrypted' } });
  new CephCsiTenant(chart, 'shop', { kmsConfig, kms: 'accounts', namespace: 'shop', overrides: { vaultRole: 'shop' } });
  const secret = new ExternalSecret(chart, 'token', {
    metadata: { name: 'ceph-csi-kms-token', namespace: 'billing' },
    store: { name: 'vault', kind: 'ClusterSecretStore' },
    data: { token: { path: 'tenants/billing', property: 'token', version: '3' } },
  });
  new CephCsiTenant(chart, 'billing', { kmsConfig, kms: 'tokens', namespace: 'billing', secret });
  new CephCsiSecretAccess(chart, 'access', {
    kmsConfig,
    namespace: 'ceph-csi',
    tenants: ['shop', 'billing'],
    classes: [storageClass],
  });
  new CephCsiDisruptionBudget(chart, 'budget', { metadata: { name: 'controller' } });
  new ApiObject(chart, 'driver', {
    apiVersion: 'csi.ceph.io/v1',
    kind: 'Driver',
    metadata: { name: 'rbd.csi.ceph.com' },
    spec: kmsConfig.driverSpec,
  });
  return chart;
}

function rook(): Chart {
  const chart = chartIn('rook-ceph');
  const token = new DevOnlyInlineSecret(chart, 'token', { metadata: { name: 'token' }, stringData: { token: 'dev' } });
  new RookKms(chart, 'kms', {
    kms: { provider: 'vault', address, kv: { path: 'osd', version: 2 }, auth: { method: 'token' }, secrets: { token } },
    keyRotation: { schedule: '@weekly' },
    patchCluster: 'rook-ceph',
  });
  new RookObjectStoreSecurity(chart, 'store', {
    s3: { address, engine: { type: 'transit' }, auth: 'token', secrets: { token } },
    patchObjectStore: 'store',
  });
  return chart;
}

function keyward(): Chart {
  const chart = chartIn('keyward-system');
  const { driver, kmsConfig, classes } = new EncryptedStorage(chart, 'storage', {
    driver: {
      type: 'keyward',
      tenantAccountsExist: true,
      backend: { type: 'loop', capacity: Size.gibibytes(1) },
      snapshots: true,
      rotation: { precedence: 'storageclass' },
      admin: true,
      adminSecret: { name: 'phrase' },
    },
    kms: { tenants: { type: 'vaulttenantsa', address, tenantSAName: 'volume-keys' } },
    tenants: ['shop'],
    classes: [
      { name: 'local', kms: 'tenants', nameSuffix: 'content-hash', keyRotation: '0 3 * * 6', maximumKeyAgeDays: 14 },
    ],
  });
  new DriverNetworkPolicy(chart, 'policy', {
    driver,
    kmsConfig,
    kmsCidrs: ['192.0.2.0/24', '2001:db8::/32'],
    monitoringNamespace: 'monitoring',
    metadata: { name: 'keyward-csi' },
  });
  new KeywardPodMonitor(chart, 'monitor', { driver, metadata: { name: 'keyward' } });
  new KeywardAlertRules(chart, 'alerts', { classes, metadata: { name: 'keyward' } });
  new KeywardDashboard(chart, 'dashboard', { metadata: { name: 'keyward-dashboard' } });
  new CsiAddonsConfig(chart, 'addons', { schedulePrecedence: 'pvc', maxConcurrentReconciles: 10 });
  const metadata = { name: 'db', namespace: 'shop' };
  new KeyRotationCronJob(chart, 'cron', { claim: 'db', schedule: '@weekly', suspend: true, metadata });
  new KeyRotationJob(chart, 'job', { claim: 'db', backOffLimit: 3, timeoutSeconds: 120, metadata });
  return chart;
}

function keywardRbd(): Chart {
  const chart = chartIn('rook-ceph');
  const monitors = ['10.0.0.11:6789'];
  const clusters = [{ clusterId: 'prod-a', monitors }];
  const credentials = [{ clusterId: 'prod-a', secret: { name: 'ceph-user' } }];
  const { driver, kmsConfig } = new EncryptedStorage(chart, 'storage', {
    driver: {
      type: 'keyward',
      name: 'keyward-rbd',
      driverName: 'rbd.csi.keyward.io',
      backend: { type: 'rbd', clusters, credentials, attachRequired: true },
      snapshots: true,
    },
    kms: { vault: { type: 'vault', address, auth: { method: 'kubernetes', role: 'keyward' } } },
    classes: [
      { name: 'images', kms: 'vault', rbd: { clusterId: 'prod-a', pool: 'kube' }, secrets: { name: 'ceph-user' } },
    ],
  });
  const metadata = { name: 'keyward-rbd' };
  new DriverNetworkPolicy(chart, 'policy', { driver, kmsConfig, cephCidrs: ['10.0.0.0/24'], metadata });
  return chart;
}

const synth = (chart: Chart): readonly AppliedManifest[] => Testing.synth(chart);
const only = (chart: Chart, kind: string): AppliedManifest => {
  const [found] = synth(chart).filter((it) => it.kind === kind);
  if (found === undefined) throw new Error(`no ${kind}`);
  return found;
};

describeWith(['etcd', 'kube-apiserver', 'openssl'], 'the constructs on a real API server', () => {
  let kubernetes: Kubernetes;

  beforeAll(async () => {
    // As on every cluster that runs CSI drivers.
    kubernetes = await startKubernetes({ apiServerArgs: ['--allow-privileged=true'] });
    for (const name of namespaces) await kubernetes.expectOk('POST', '/api/v1/namespaces', { metadata: { name } });
    await installCrds(kubernetes);
  });
  afterAll(() => kubernetes?.stop());

  test.each([
    ['ceph-csi', cephCsi],
    ['Rook', rook],
    ['keyward', keyward],
    ['keyward with images of Ceph', keywardRbd],
  ] as const)('R18: accepts every object for %s, and a second time changes none', async (_, declare) => {
    const manifests = synth(declare());
    expect(manifests.length).toBeGreaterThan(2);
    expect(synth(declare())).toEqual(manifests);
    for (const manifest of manifests) {
      const first = await applyServerSide(kubernetes, manifest);
      expect([manifest.kind, manifest.metadata.name, first.status, first.body.message]).toEqual([
        manifest.kind,
        manifest.metadata.name,
        201,
        undefined,
      ]);
      const second = await applyServerSide(kubernetes, manifest);
      expect(second.body.metadata.resourceVersion).toBe(first.body.metadata.resourceVersion);
    }
  });

  test('refuses a field that does not exist, so that the test above can fail', async () => {
    for (const [chart, kind] of [
      [rook(), 'CephCluster'],
      [keyward(), 'EncryptionKeyRotationJob'],
      [cephCsi(), 'ExternalSecret'],
      [keyward(), 'NetworkPolicy'],
      [keyward(), 'PrometheusRule'],
      [cephCsi(), 'Driver'],
    ] as const) {
      const manifest = only(chart, kind);
      const misspelt = { ...manifest, spec: { ...(manifest.spec as object), mispelt: true } };
      const { status, body } = await applyServerSide(kubernetes, misspelt);
      // For kinds of a CRD the server says so with the status 500.
      expect(status).toBeGreaterThanOrEqual(400);
      expect(`${kind}: ${body.message}`).toContain('spec.mispelt');
    }
  });

  test('trap 10: a class cannot be changed; with a content hash the change is a class of its own', async () => {
    const declare = (nameSuffix: 'content-hash' | undefined, pool: string, mountOptions: string[] = []) => {
      const chart = chartIn('ceph-csi');
      const kms = { vault: { type: 'vault', address, auth: { method: 'kubernetes', role: 'r' } } } as const;
      const kmsConfig = new CephCsiKmsConfig(chart, 'kms', { kms });
      new CephCsiStorageClass(chart, 'class', {
        ...{ kmsConfig, kms: 'vault', clusterId: 'prod-a', pool, mountOptions, metadata: { name: 'fixed' } },
        secrets: { name: 's', namespace: 'n' },
        ...(nameSuffix && { nameSuffix }),
      });
      return only(chart, 'StorageClass');
    };
    const apply = async (...args: Parameters<typeof declare>) =>
      (await applyServerSide(kubernetes, declare(...args))).status;
    expect(await apply(undefined, 'one')).toBe(201);
    expect(await apply(undefined, 'two')).toBe(422);
    expect(await apply('content-hash', 'one')).toBe(201);
    expect(await apply('content-hash', 'two')).toBe(201);
    // What the hash leaves out can be changed.
    expect(await apply('content-hash', 'two', ['discard'])).toBe(200);
  });

  test('merges the block of Rook into the cluster that exists, and touches nothing else of it', async () => {
    const storage = { storageClassDeviceSets: [{ name: 'set1', count: 3, encrypted: true }] };
    const cluster = {
      apiVersion: 'ceph.rook.io/v1',
      kind: 'CephCluster',
      metadata: { name: 'theirs', namespace: 'rook-ceph' },
      spec: { storage },
    };
    expect((await applyServerSide(kubernetes, cluster, 'somebody-else')).status).toBe(201);
    const chart = chartIn('rook-ceph');
    const credentials = { name: 'kmip' };
    new RookKms(chart, 'kms', {
      kms: { provider: 'kmip', endpoint: 'kmip:5696', credentials },
      patchCluster: 'theirs',
    });
    const { status, body } = await applyServerSide(kubernetes, only(chart, 'CephCluster'));
    expect([status, body.spec.storage]).toEqual([200, storage]);
    expect(body.spec.security.kms).toEqual({
      connectionDetails: { KMS_PROVIDER: 'kmip', KMIP_ENDPOINT: 'kmip:5696' },
      tokenSecretName: 'kmip',
    });
  });

  test('R14: ceph-csi reads what its KMSs and classes name, comes as the tenant, and reads nothing else', async () => {
    const secret = (namespace: string, name: string) =>
      kubernetes.expectOk('POST', `/api/v1/namespaces/${namespace}/secrets`, {
        metadata: { name },
        stringData: { a: 'b' },
      });
    await secret('ceph-csi', 'ceph-user');
    await secret('shop', 'of-the-shop');
    await secret('billing', 'ceph-csi-kms-token');
    const accounts = '/api/v1/namespaces/ceph-csi/serviceaccounts';
    await kubernetes.expectOk('POST', accounts, { metadata: { name: 'rbd-csi-nodeplugin' } });
    for (const manifest of synth(cephCsi())) {
      const applied = await applyServerSide(kubernetes, manifest);
      expect(applied.status).toBeLessThan(300);
    }
    const token = await kubernetes.serviceAccountToken('ceph-csi', 'rbd-csi-nodeplugin');
    const status = async (method: string, path: string, body?: unknown) =>
      (await kubernetes.request(method, path, body, { token })).status;
    const until = async (wanted: number, path: string) => {
      // The authorizer learns of new bindings by watching.
      for (let left = 600; left > 0 && (await status('GET', path)) !== wanted; left -= 1) {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      expect(await status('GET', path)).toBe(wanted);
    };
    await until(200, '/api/v1/namespaces/ceph-csi/secrets/ceph-user');
    await until(200, '/api/v1/namespaces/billing/secrets/ceph-csi-kms-token');
    await until(200, '/api/v1/namespaces/shop/configmaps/ceph-csi-kms-config');
    const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };
    const ofTenant = '/api/v1/namespaces/shop/serviceaccounts/ceph-csi-vault-sa';
    await until(200, ofTenant);
    expect(await status('POST', `${ofTenant}/token`, request)).toBe(201);
    expect(await status('GET', '/api/v1/namespaces/shop/secrets/of-the-shop')).toBe(403);
    expect(await status('GET', '/api/v1/secrets')).toBe(403);
    expect(await status('POST', `${accounts}/rbd-csi-nodeplugin/token`, request)).toBe(403);
  });
});
