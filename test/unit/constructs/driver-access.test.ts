/** What the pods of the driver hold and may do: tokens, Secrets, rules. */
import { secretFile } from '../../../lib/schema/names';
import { container, podOf, rulesOf, synth, vault } from './driver-fixture';

describe('the pods of a KeywardDriver', () => {
  test('only the driver is privileged, and only the sidecars hold a token for the API', () => {
    const { containers, automountServiceAccountToken } = podOf(
      synth({ snapshots: true }, { p: { type: 'metadata' } }),
    ).spec;
    expect(automountServiceAccountToken).toBe(false);
    for (const { name, securityContext, volumeMounts } of containers) {
      const own = name === 'keyward';
      expect(securityContext).toEqual(
        own
          ? { privileged: true, runAsUser: 0, readOnlyRootFilesystem: true }
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
});
