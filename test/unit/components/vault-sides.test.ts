import { isSecret } from '@pulumi/pulumi';
import { ApiServerKms, EncryptedStorage, RookKms, TenantKms } from '../../../lib/pulumi';
import { onlyOf, type Recording, recorded } from './recorded';

const address = 'https://vault.example.com:8200';

function rolesOf(recording: Recording) {
  const role = onlyOf(recording, 'vault:kubernetes/authBackendRole:AuthBackendRole').inputs;
  return [role.roleName, role.boundServiceAccountNames, role.boundServiceAccountNamespaces];
}

describe('the side of Vault of a component', () => {
  test('EncryptedStorage: engine and role for its KMS, before the driver; the role is bound to the driver', async () => {
    const recording = await recorded(
      () =>
        new EncryptedStorage('storage', {
          namespace: 'storage',
          driver: { type: 'keyward', name: 'disks', backend: { type: 'loop' } },
          kms: { vault: { type: 'vault', address, backendPath: 'disks', auth: { method: 'kubernetes', role: 'csi' } } },
          classes: [{ name: 'encrypted', kms: 'vault' }],
          vaultState: {},
        }),
    );
    expect(rolesOf(recording)).toEqual(['csi', ['disks'], ['storage']]);
    expect(onlyOf(recording, 'vault:index/mount:Mount')).toMatchObject({ protect: true, inputs: { path: 'disks' } });
    const { dependencies } = onlyOf(recording, 'kubernetes:apps/v1:DaemonSet');
    expect(dependencies.join()).toContain('storage/kubernetes-role/kubernetes/csi');
  });

  test('EncryptedStorage: nothing of Vault unless it is asked for; a namespace that is no name is refused', async () => {
    const args = {
      namespace: 'storage',
      driver: { type: 'keyward', backend: { type: 'loop' } },
      kms: { phrase: { type: 'metadata' } },
      classes: [{ name: 'encrypted', kms: 'phrase', secrets: { name: 'phrase' } }],
    } as const;
    const { registrations } = await recorded(() => new EncryptedStorage('storage', args));
    expect(registrations.filter(({ type }) => type.startsWith('vault:'))).toEqual([]);
    const refused = recorded(() => new EncryptedStorage('storage', { ...args, namespace: 'Storage Namespace' }));
    await expect(refused).rejects.toThrow('storage.namespace: got "Storage Namespace"');
  });

  test("RookKms: the block of the cluster, and a role for the operator's account and the OSDs'", async () => {
    const blocks: unknown[] = [];
    const recording = await recorded(() => {
      const { securityBlock } = new RookKms('osd', {
        namespace: 'rook-ceph',
        kms: {
          provider: 'vault',
          address,
          kv: { path: 'osd', version: 2 },
          auth: { method: 'kubernetes', role: 'rook' },
        },
        vaultState: { protect: false },
      });
      blocks.push(securityBlock.kms.connectionDetails.VAULT_BACKEND_PATH);
    });
    expect(blocks).toEqual(['osd']);
    expect(rolesOf(recording)).toEqual(['rook', ['rook-ceph-osd', 'rook-ceph-system'], ['rook-ceph']]);
    expect(onlyOf(recording, 'vault:index/mount:Mount').protect).toBe(false);
  });

  test('ApiServerKms: transit key, AppRole and its secret ids; the files hold neither id', async () => {
    const made: ApiServerKms[] = [];
    const recording = await recorded(() => {
      made.push(
        new ApiServerKms('etcd', {
          distribution: 'kubeadm',
          kubernetesVersion: '1.34',
          vault: { address },
          auth: {
            method: 'approle',
            roleIdFile: '/etc/keyward/kms-plugin/role-id',
            secretIdFile: '/etc/keyward/kms-plugin/secret-id',
          },
          phase: 'encrypt',
          vaultState: {},
        }),
      );
    });
    expect(onlyOf(recording, 'vault:transit/secretBackendKey:SecretBackendKey').protect).toBe(true);
    onlyOf(recording, 'vault:appRole/authBackendRoleSecretId:AuthBackendRoleSecretId');
    const secrecy = made.flatMap(({ roleId, secretId }) =>
      [roleId, secretId].map((id) => id !== undefined && isSecret(id)),
    );
    expect(await Promise.all(secrecy)).toEqual([true, true]);
    expect(made[0]?.files.length).toBeGreaterThan(0);
  });

  test('TenantKms: what each tenant has in its namespace, and one role for all of them', async () => {
    const recording = await recorded(
      () =>
        new TenantKms('tenants', {
          id: 'accounts',
          kms: { type: 'vaulttenantsa', address },
          tenants: {
            billing: { overrides: { vaultBackendPath: 'billing' } },
            shop: { overrides: { vaultBackendPath: 'shop' } },
          },
          vaultState: { protect: false },
        }),
    );
    expect(rolesOf(recording).at(-1)).toEqual(['billing', 'shop']);
    const accounts = recording.registrations.filter(({ type }) => type === 'kubernetes:core/v1:ServiceAccount');
    expect(accounts.map(({ name }) => name.split('/')[2])).toEqual(['billing', 'shop']);
  });
});
