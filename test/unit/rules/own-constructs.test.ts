/** The constructs check themselves: what only several objects together get wrong fails the synth with the id of the rule. */
import { App, Chart } from 'cdk8s';
import {
  ApiServerEncryption,
  CephCsiEncryptedStorage,
  KmsPluginStaticPod,
  RookKms,
  type ValidateWithRulesProps,
} from '../../../lib/cdk8s';
import { cephCsiVaultState, rookOsdState } from '../../../lib/vault';

type Rules = Omit<ValidateWithRulesProps, 'kinds'>;
const address = 'https://vault.example.com:8200';
const kms = {
  type: 'vault',
  address,
  backendPath: 'keys',
  passphrasePath: 'csi/',
  auth: { method: 'kubernetes', role: 'driver' },
} as const;
const rookVault = {
  provider: 'vault',
  address,
  auth: { method: 'kubernetes', role: 'osd' },
  kv: { version: 2, path: 'rook' },
} as const;
const login = { method: 'approle', roleId: 'r', secretIdFile: '/etc/keyward/kms-plugin/secret-id' } as const;

/** Filled in where the file is placed. */
const placeholder = ['$', '{KEY}'].join('');

/** Ids of the rules that fail a synth. */
function synth(make: (chart: Chart) => unknown): readonly string[] {
  const chart = new Chart(new App(), 'chart', { namespace: 'rook-ceph', disableResourceNameHashes: true });
  make(chart);
  try {
    chart.toJson();
    return [];
  } catch (error) {
    return [...new Set(String(error).match(/\bKW\d\d(?= )/g))].sort();
  }
}

const cephCsi = (rules: Rules) =>
  synth(
    (chart) =>
      new CephCsiEncryptedStorage(chart, 'storage', {
        deployment: 'rook',
        cluster: { clusterId: 'rook-ceph', secrets: { name: 'rook-csi-rbd-provisioner' } },
        kms: { vault: kms },
        classes: [{ name: 'encrypted', kms: 'vault', pool: 'replicapool' }],
        rules,
      }),
  );
const cephState = (serviceAccounts: readonly string[]) =>
  cephCsiVaultState({ owner: 'storage', kms, namespace: 'rook-ceph', serviceAccounts });
const accounts = ['rook-csi-rbd-provisioner-sa', 'rook-csi-rbd-plugin-sa'];

test('CephCsiEncryptedStorage refuses a Vault whose role misses an account (KW05, trap 5)', () => {
  expect(cephCsi({})).toEqual([]);
  expect(cephCsi({ vault: cephState(accounts) })).toEqual([]);
  expect(cephCsi({ vault: cephState(accounts.slice(0, 1)) })).toEqual(['KW05']);
  expect(cephCsi({ vault: cephState(accounts.slice(0, 1)), skip: ['KW05'] })).toEqual([]);
});

test.each([undefined, 'rook-ceph'])(
  'RookKms, patching %s, refuses a Vault without its role (KW04, trap 4)',
  (patch) => {
    const rook = (rules: Rules) =>
      synth((chart) => new RookKms(chart, 'kms', { kms: rookVault, rules, ...(patch && { patchCluster: patch }) }));
    const connectionDetails = (role: string) => ({
      KMS_PROVIDER: 'vault',
      VAULT_ADDR: address,
      VAULT_BACKEND: 'v2',
      VAULT_BACKEND_PATH: 'rook',
      VAULT_AUTH_METHOD: 'kubernetes',
      VAULT_AUTH_KUBERNETES_ROLE: role,
    });
    const state = (role: string) =>
      rookOsdState({ owner: 'rook', kms: { connectionDetails: connectionDetails(role) } });
    expect(rook({})).toEqual([]);
    expect(rook({ vault: state('osd') })).toEqual([]);
    expect(rook({ vault: state('osds') })).toContain('KW04');
  },
);

const encryption = (rules: Rules, kubernetesVersion = '1.34') =>
  synth(
    (chart) =>
      new ApiServerEncryption(chart, 'encryption', {
        distribution: 'kubeadm',
        kubernetesVersion,
        phase: 'encrypt',
        vault: { address },
        auth: login,
        rules,
      }),
  );

test('ApiServerEncryption refuses a Vault whose secret ids end (KW11, trap 11), and what is migrated away (KW14)', () => {
  expect(encryption({})).toEqual([]);
  const policies = { kms: { rules: [{ path: 'transit/encrypt/kms', capabilities: ['update'] }] } };
  const state = (secretIdTtl: number) => ({
    owner: 'kms',
    namespaces: {
      '': {
        policies,
        auth: { approle: { type: 'approle', roles: { kms: { tokenPolicies: ['kms'], tokenTtl: 60, secretIdTtl } } } },
      },
    },
  });
  expect(encryption({ vault: state(0) })).toEqual([]);
  expect(encryption({ vault: state(3600) })).toEqual(['KW11']);
  const providers = [{ kms: { apiVersion: 'v2', name: 'other', endpoint: 'unix:///run/other.sock' } }];
  const previous = [{ kind: 'EncryptionConfiguration', resources: [{ resources: ['secrets'], providers }] }];
  expect(encryption({ previous })).toEqual(['KW14']);
  expect(encryption({ previous, context: { migrated: ['other'] } })).toEqual([]);
});

test('KmsPluginStaticPod refuses the same beside its own Pod', () => {
  const pod = (secretIdNumUses: number) =>
    synth(
      (chart) =>
        new KmsPluginStaticPod(chart, 'plugin', {
          config: { vault: { address }, auth: login },
          rules: {
            vault: {
              owner: 'kms',
              namespaces: {
                '': {
                  policies: { kms: { rules: [{ path: 'transit/encrypt/kms', capabilities: ['update'] }] } },
                  auth: {
                    approle: {
                      type: 'approle',
                      roles: { kms: { tokenPolicies: ['kms'], tokenTtl: 60, secretIdNumUses } },
                    },
                  },
                },
              },
            },
          },
        }),
    );
  expect(pod(0)).toEqual([]);
  expect(pod(5)).toEqual(['KW11']);
});

test('a risk that is taken by name is not told again by a rule (R3)', () => {
  const taken = synth(
    (chart) =>
      new KmsPluginStaticPod(chart, 'plugin', {
        config: { vault: { address: 'http://vault.vault.svc:8200', insecureSkipVerify: true }, auth: login },
        risks: ['plain-http', 'any-certificate', 'vault-in-this-cluster'],
      }),
  );
  expect(taken).toEqual([]);
});

describe.each(['introduce', 'encrypt'] as const)('the phase %s of ApiServerEncryption passes', (phase) => {
  test.each(['kubeadm', 'rke2', 'k3s', 'talos'] as const)('for %s, with v1 and v2', (distribution) => {
    for (const kmsVersion of ['v1', 'v2'] as const) {
      const directory = distribution === 'talos' ? '/var/lib/keyward/kms-plugin' : '/etc/keyward/kms-plugin';
      const rules = synth(
        (chart) =>
          new ApiServerEncryption(chart, 'encryption', {
            distribution,
            kubernetesVersion: '1.34',
            ...(distribution === 'talos' && { talosVersion: '1.14.2' }),
            previous: [{ aescbc: { keys: [{ name: 'key1', secret: placeholder }] } }, { identity: {} }],
            kmsVersion,
            phase,
            vault: { address },
            auth: { ...login, secretIdFile: `${directory}/secret-id` },
          }),
      );
      expect([kmsVersion, rules]).toEqual([kmsVersion, []]);
    }
  });
});
