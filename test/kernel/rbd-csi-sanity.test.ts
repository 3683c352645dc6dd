/**
 * The conformance suite of CSI against the whole driver over a real Ceph: RBD images, LUKS2, and keys in a real OpenBao, where
 * the driver comes with the token of the tenant, which the tenant agent reads from a real API server.
 */
import { join } from 'node:path';
import { policyFor, startTenantFixture, type TenantFixture } from '../conformance/kms/tenant-fixture';
import { CEPH_TOOLS, type Ceph, startCeph } from '../harness/ceph';
import { startCephManager } from '../harness/ceph-manager';
import { expectConformance } from '../harness/csi-sanity';
import { describeWith } from '../harness/describe-with';
import { longTest } from '../harness/long-test';
import { clusterId, pool, RbdDriver } from '../harness/rbd-driver';
import { leftInPool, leftOnNode } from '../harness/rbd-facts';
import type { ServerProcess } from '../harness/server-process';

// The suite makes some hundred volumes, and the guest may share its processor.
jest.setTimeout(60 * 60_000);

const engine = 'shared';
const kms = (address: string) =>
  ({
    vaulttokens: { type: 'vaulttokens', address, backend: 'kv-v2', backendPath: engine, tenantPrefix: true },
  }) as const;

describeWith(
  [...CEPH_TOOLS, 'ceph-mgr', 'csi-sanity', 'openbao', 'etcd', 'kube-apiserver', 'openssl'],
  'csi-sanity over RBD, with the key of a tenant',
  () => {
    let ceph: Ceph;
    let manager: ServerProcess;
    let tenants: TenantFixture;
    let driver: RbdDriver;
    beforeAll(async () => {
      ceph = await startCeph();
      tenants = await startTenantFixture(kms);
      const { bao } = tenants;
      await bao.expectOk('POST', `sys/mounts/${engine}`, { type: 'kv', options: { version: '2' } });
      await bao.expectOk('PUT', 'sys/policies/acl/shop', { policy: policyFor(engine, 'shop/') });
      const { body } = await bao.expectOk('POST', 'auth/token/create', { policies: ['shop'], ttl: '2h' });
      await tenants.putSecret('shop', 'ceph-csi-kms-token', { token: body.auth.client_token });
      driver = await RbdDriver.start({
        ceph,
        kms: () => kms(bao.address),
        tenantAgentEndpoint: tenants.endpoint,
      });
      // GetCapacity tells what it gathers.
      manager = await startCephManager(ceph);
    });
    afterAll(async () => {
      await driver?.stop();
      await tenants?.stop();
      await manager?.stop();
      await ceph?.stop();
    });

    describe.each(['mount', 'block'] as const)('access type %s', (accessType) => {
      // The guest takes minutes for each, and most specs do not come to the node.
      const declare = accessType === 'mount' ? test : longTest;
      declare('no spec fails, none is skipped for a capability that is claimed, nothing is left', async () => {
        await expectConformance({
          csi: driver.csi,
          socket: driver.socket,
          accessType,
          folder: join(driver.root, accessType),
          parameters: {
            ...{ clusterID: clusterId, pool, encrypted: 'true', encryptionKMSID: 'vaulttokens' },
            'csi.storage.k8s.io/pvc/namespace': 'shop',
          },
          secrets: driver.secrets,
        });
        expect(await leftOnNode(driver.root)).toEqual([]);
        expect(await leftInPool(ceph)).toEqual([]);
        const keys = await tenants.bao.request('LIST', `${engine}/metadata/shop`);
        expect([keys.status, keys.body?.data?.keys]).toEqual([404, undefined]);
        expect(tenants.audited().some((request) => request.startsWith(`create ${engine}/data/shop/`))).toBe(true);
      });
    });
  },
);
