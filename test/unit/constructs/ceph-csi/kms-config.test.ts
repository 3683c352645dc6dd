import { Testing } from 'cdk8s';
import type { KmsProps } from '../../../../lib';
import { decodeKmsConfig } from '../../../../lib';
import { CephCsiKmsConfig, type CephCsiKmsConfigProps } from '../../../../lib/cdk8s';
import { only, synthesised } from '../synthesised';

const vault = { type: 'vault', address: 'https://vault', auth: { method: 'kubernetes', role: 'csi' } } as const;
const tenants = { type: 'vaulttenantsa', address: 'https://vault' } as const;

function declare(props: Partial<CephCsiKmsConfigProps<string>> = {}) {
  const chart = Testing.chart();
  return { chart, config: new CephCsiKmsConfig<string>(chart, 'kms', { kms: { vault }, ...props }) };
}

/** Every type of ceph-csi, as little of it as can be. */
const everyType: readonly KmsProps[] = [
  vault,
  tenants,
  { type: 'vaulttokens', address: 'https://vault' },
  { type: 'metadata' },
  { type: 'aws-metadata', region: 'eu-central-1' },
  { type: 'aws-sts-metadata' },
  { type: 'azure-kv', vaultUrl: 'https://k.vault.azure.net', clientId: 'c', tenantId: 't' },
  { type: 'ibmkeyprotect', serviceInstanceId: 'i' },
  { type: 'kmip', endpoint: 'kmip:5696' },
];

describe('CephCsiKmsConfig', () => {
  test('holds every type of ceph-csi, and reads back', () => {
    const kms = Object.fromEntries(everyType.map((it) => [it.type, it]));
    const { chart, config } = declare({ kms });
    const { data } = only(synthesised(chart), 'ConfigMap') as unknown as { data: Record<string, string> };
    expect(decodeKmsConfig(data['config.json'] ?? '')).toEqual(new Map(Object.entries(config.kms).sort()));
    expect(data).toMatchSnapshot();
  });

  test('bears the name under which each deployment looks for it', () => {
    const nameOf = (props: Partial<CephCsiKmsConfigProps<string>>) => declare(props).config.name;
    expect(nameOf({})).toBe('ceph-csi-encryption-kms-config');
    expect(nameOf({ deployment: 'rook' })).toBe('rook-ceph-csi-kms-config');
    expect(nameOf({ deployment: 'rook', format: 'connection-details' })).toBe('csi-kms-connection-details');
    expect(nameOf({ deployment: 'operator', metadata: { name: 'kms' } })).toBe('kms');
  });

  test('says what the operator must be told', () => {
    expect(declare({ deployment: 'rook' }).config.operatorSettings).toEqual({ CSI_ENABLE_ENCRYPTION: 'true' });
    expect(declare().config.operatorSettings).toEqual({});
    expect(declare({ deployment: 'operator', metadata: { name: 'kms' } }).config.driverSpec).toEqual({
      encryption: { configMapName: { name: 'kms' } },
    });
  });

  test.each<[string, KmsProps, string]>([
    ['transit', { ...vault, type: 'vaulttransit', keyName: 'k' }, 'type vaulttransit'],
    ['a token file', { ...vault, auth: { method: 'token', tokenFile: '/t' } }, 'auth.method token'],
    ['a token elsewhere', { ...vault, auth: { ...vault.auth, tokenFile: '/t' } }, 'auth.tokenFile'],
    ['a CA file', { ...vault, tls: { caFile: '/ca' } }, 'tls.caFile'],
    ['keys that are kept', { ...vault, deletion: 'keep' }, 'deletion keep'],
    ['a prefix of tenants', { ...tenants, tenantPrefix: true }, 'tenantPrefix'],
    ['an audience', { ...tenants, audience: 'vault' }, 'audience'],
    ['the mode none', { ...tenants, overrides: 'none' }, 'overrides none'],
    ['an endpoint of AWS', { type: 'aws-metadata', region: 'eu-central-1', endpointUrl: 'https://kms' }, 'endpointUrl'],
  ])('trap 9: refuses %s, which ceph-csi would pass over', (_, kms, setting) => {
    expect(() => declare({ kms: { it: kms } })).toThrow(
      `test/kms.kms.it: got ${setting}; allowed: what ceph-csi knows`,
    );
  });
});
