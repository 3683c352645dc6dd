// What this cluster is to have, from the Pulumi configuration. The keys, with their defaults, are in Pulumi.yaml.
import type { Config } from '@pulumi/pulumi';
import { Size } from 'cdk8s';
import type { EncryptedStorageArgs, VaultLogin } from '../../lib/pulumi';

/** The values of the stack. */
export interface PlatformValues {
  /** Whether Pulumi refuses to delete anything of the stack. */
  readonly protect: boolean;
  readonly storage: EncryptedStorageArgs<'passphrase' | 'vault'>;
}

/** Reads the configuration. Throws for a key that is missing, or of the wrong type. */
export function readValues(config: Config): PlatformValues {
  const reclaimPolicy = config.require('reclaimPolicy', { allowedValues: ['Delete', 'Retain'] });
  const protect = config.requireBoolean('protect');
  const login = readLogin(config);
  return {
    protect,
    storage: {
      namespace: config.require('namespace'),
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
          address: config.require('vaultAddress'),
          backendPath: config.require('vaultBackendPath'),
          auth: { method: 'kubernetes', role: config.require('vaultRole') },
        },
      },
      classes: [
        {
          name: 'encrypted',
          kms: 'passphrase',
          secrets: { name: config.require('passphraseSecret') },
          reclaimPolicy,
        },
        { name: 'encrypted-vault', kms: 'vault', reclaimPolicy },
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
