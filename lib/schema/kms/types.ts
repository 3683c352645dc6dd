// The room of the KMS types. Each type is one file here: its settings, its section in the configuration of ceph-csi, its
// tenants and where its secrets come from, as one `KmsTypeDefinition` (definition.ts); what several share has a file of its
// own (vault-settings.ts, tenant-overrides.ts, …). Rook's spelling is in rook*.ts, what a type can do in features.ts, and
// reading and writing whole configurations in config.ts.
//
// This is the one table of the types that keyward runs. KmsSettings, KmsProps and every reader follow from it.
import { awsMetadataKms } from './aws-metadata';
import { awsStsMetadataKms } from './aws-sts-metadata';
import { azureKvKms } from './azure-kv';
import type { KmsTypeName } from './definition';
import { ibmKeyProtectKms } from './ibm-key-protect';
import { kmipKms } from './kmip';
import { metadataKms } from './metadata';
import { vaultKms } from './vault';
import { vaultTenantSaKms } from './vault-tenant-sa';
import { vaultTokensKms } from './vault-tokens';
import { vaultTransitKms } from './vault-transit';

/** The types with settings. A type of `kmsTypeNames` that is not here is known by name and refused with its own message. */
export const kmsTypes = {
  'aws-metadata': awsMetadataKms,
  'aws-sts-metadata': awsStsMetadataKms,
  'azure-kv': azureKvKms,
  ibmkeyprotect: ibmKeyProtectKms,
  kmip: kmipKms,
  metadata: metadataKms,
  vault: vaultKms,
  vaulttenantsa: vaultTenantSaKms,
  vaulttokens: vaultTokensKms,
  vaulttransit: vaultTransitKms,
} satisfies Partial<Record<KmsTypeName, unknown>>;

/** A KMS type that keyward runs. */
export type KmsType = keyof typeof kmsTypes;

/** Settings of any KMS type, discriminated by `type`. */
export type KmsSettings = ReturnType<(typeof kmsTypes)[KmsType]['settle']>;

/** A KMS as a declaration writes it, discriminated by `type`. */
export type KmsProps = Parameters<(typeof kmsTypes)[KmsType]['settle']>[0];
