// What this cluster is to have, from the Pulumi configuration. The keys, with their defaults, are in Pulumi.yaml.
import type { Config } from '@pulumi/pulumi';
import { Size } from 'cdk8s';
import { secretFile } from '../../lib';
import type { EncryptedStorageArgs, VaultLogin } from '../../lib/pulumi';
import { type ApiServerValues, readApiServer } from './api-server';

/** The values of the stack. */
export interface PlatformValues {
  /** Whether Pulumi refuses to delete anything of the stack. */
  readonly protect: boolean;
  /** CA of Vault, as PEM, and the Secret that it goes to; undefined for a public one. */
  readonly vaultCa: { readonly secret: string; readonly key: string; readonly pem: string } | undefined;
  /** Whether there is a KMS for tenants depends on the configuration, so its id is not known when this is compiled. */
  readonly storage: EncryptedStorageArgs<string>;
  /** Encryption of the API server's objects; undefined for none. */
  readonly apiServer: ApiServerValues | undefined;
}

/** The Secret that the CA of Vault goes to, and its key. */
const caSecret = { name: 'vault-ca', key: 'cert' } as const;

/** Reads the configuration. Throws for a key that is missing, or of the wrong type. */
export function readValues(config: Config): PlatformValues {
  const reclaimPolicy = config.require('reclaimPolicy', { allowedValues: ['Delete', 'Retain'] });
  const protect = config.requireBoolean('protect');
  const login = readLogin(config);
  const namespace = config.require('namespace');
  const address = config.require('vaultAddress');
  const backendPath = config.require('vaultBackendPath');
  const pem = config.require('vaultCaCert');
  const tenants = config.requireObject<readonly string[]>('tenants');
  return {
    protect,
    apiServer: readApiServer(config),
    vaultCa: pem === '' ? undefined : { secret: caSecret.name, key: caSecret.key, pem },
    storage: {
      namespace,
      driver: {
        type: 'keyward',
        backend: {
          type: 'loop',
          directory: config.require('backingDirectory'),
          capacity: Size.gibibytes(config.requireNumber('backingCapacityGiB', { min: 1 })),
        },
        snapshots: config.requireBoolean('snapshots'),
      },
      kms: {
        passphrase: { type: 'metadata' },
        vault: {
          type: 'vault',
          address,
          backendPath,
          auth: { method: 'kubernetes', role: config.require('vaultRole') },
          ...(pem !== '' && { tls: { caFile: secretFile({ namespace, ...caSecret }) } }),
        },
        ...(tenants.length > 0 && {
          tenants: {
            type: 'vaulttenantsa',
            address,
            backend: 'kv-v2',
            backendPath: `${backendPath}-tenants`,
            tenantPrefix: true,
            tenantSAName: 'volume-keys',
            audience: 'vault',
            ...(pem !== '' && { tls: { caFromSecret: caSecret.name } }),
          },
        }),
      },
      tenants,
      classes: [
        {
          name: 'encrypted',
          kms: 'passphrase',
          secrets: { name: config.require('passphraseSecret') },
          reclaimPolicy,
        },
        { name: 'encrypted-vault', kms: 'vault', reclaimPolicy },
        ...(tenants.length > 0 ? [{ name: 'encrypted-tenant', kms: 'tenants', reclaimPolicy }] : []),
      ],
      ...(config.requireBoolean('manageVault') && { vaultState: { protect, login } }),
    },
  };
}

function readLogin(config: Config): VaultLogin {
  const kubernetesHost = config.require('kubernetesHost');
  const kubernetesCaCert = config.require('kubernetesCaCert');
  const tokenReviewerJwt = config.getSecret('vaultReviewerJwt');
  return {
    kubernetesHost,
    ...(kubernetesCaCert !== '' && { kubernetesCaCert }),
    ...(tokenReviewerJwt && { reviewer: { mode: 'reviewer-token', tokenReviewerJwt } }),
  };
}
