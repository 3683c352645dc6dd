// What ceph-csi v3.17 does not know of a KMS that keyward can run. ceph-csi passes over keys that it does not know, so a
// section that depends on one would look for keys elsewhere, or do less than was said: traps 1 and 9.
import { serviceAccountTokenFile } from '../names';
import type { TenantVaultSettings } from './tenant-vault-settings';
import type { KmsSettings } from './types';

/** Settings that ceph-csi would ignore, each with what to do instead. Empty: ceph-csi reads all of it. */
export function unknownToCephCsi(settings: KmsSettings): readonly (readonly [setting: string, remedy: string])[] {
  return [...unknown(settings)];
}

function* unknown(it: KmsSettings): Generator<readonly [setting: string, remedy: string]> {
  switch (it.type) {
    case 'vaulttransit':
      yield ['type vaulttransit', 'use a type of ceph-csi, e.g. vault'];
      break;
    case 'vault':
      if (it.auth.method === 'token') yield ['auth.method token', 'log in with the method kubernetes'];
      else if (it.auth.tokenFile !== serviceAccountTokenFile) yield ['auth.tokenFile', 'leave it out'];
      if (it.tls.caFile !== undefined)
        yield ['tls.caFile', 'put the CA into the Secret of the class and name its key in tls.caFromSecret'];
      if (it.deletion === 'keep') yield ['deletion keep', 'use recoverable, or reclaimPolicy Retain in the class'];
      break;
    case 'vaulttokens':
      yield* unknownOfTenants(it);
      break;
    case 'vaulttenantsa':
      yield* unknownOfTenants(it);
      if (it.audience !== undefined)
        yield [
          'audience',
          'leave it out: ceph-csi asks for a token of the default audience, so give the role that one',
        ];
      break;
    case 'azure-kv':
      if (it.authorityHost !== undefined) yield ['authorityHost', 'leave it out'];
      break;
    case 'aws-metadata':
    case 'aws-sts-metadata':
      if (it.endpointUrl !== undefined) yield ['endpointUrl', 'leave it out'];
      break;
    case 'metadata':
    case 'kmip':
    case 'ibmkeyprotect':
      break;
    default:
      it satisfies never;
  }
}

function* unknownOfTenants(it: TenantVaultSettings): Generator<readonly [setting: string, remedy: string]> {
  if (it.tenantPrefix) yield ['tenantPrefix', 'leave it out: ceph-csi would look for the keys without the prefix'];
  if (it.overrides === 'none') yield ['overrides none', 'leave it out: ceph-csi reads the ConfigMap of a tenant'];
  if (Object.keys(it.tenants).length > 0) yield ['tenants', 'use the ConfigMap of each tenant: ceph-csi ignores it'];
  if (it.deletion === 'keep') yield ['deletion keep', 'use recoverable, or reclaimPolicy Retain in the class'];
}
