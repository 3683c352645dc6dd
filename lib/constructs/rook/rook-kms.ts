// The KMS of Rook's encrypted OSDs: `spec.security` of a CephCluster, as a value for one's own manifest or as a patch of it.
import { Chart } from 'cdk8s';
import { Construct } from 'constructs';
import {
  encodeRookKms,
  type RookConnection,
  type RookKmsBlock,
  type RookVault,
  rookRotates,
} from '../../schema/kms/rook';
import {
  type RookAzureKv,
  type RookIbmKeyProtect,
  type RookKmip,
  rookServiceSecretKeys,
} from '../../schema/kms/rook-services';
import { settleSchedule } from '../../schema/rotation-schedule';
import { propError } from '../prop-error';
import { type OwnRulesProps, validateObjects } from '../rule-validation';
import { type ISecret, nameOfSecret } from '../secrets/secret-with-keys';
import { securityPatch } from './security-patch';
import { type RookVaultSecretRefs, rookVaultSecretNames } from './vault-secrets';

/** A KMS of Rook as a declaration writes it, discriminated by `provider`. */
export type RookKmsConnection =
  | (Omit<RookVault, 'secrets'> & {
      /** The Secrets, by reference. */
      readonly secrets?: RookVaultSecretRefs;
    })
  | (Omit<RookIbmKeyProtect, 'secrets'> & {
      /** Secret with the key `IBM_KP_SERVICE_API_KEY`. */
      readonly credentials: ISecret;
    })
  | (Omit<RookKmip, 'secrets'> & {
      /** Secret with the keys `CA_CERT`, `CLIENT_CERT` and `CLIENT_KEY`. */
      readonly credentials: ISecret;
    })
  | (Omit<RookAzureKv, 'secrets'> & {
      /** Secret with the key `CLIENT_CERT`: certificate and private key as PEM, without a password. */
      readonly credentials: ISecret;
    });

/** Props of a `RookKms`. */
export interface RookKmsProps {
  /** The KMS that keeps the keys of the OSDs. */
  readonly kms: RookKmsConnection;
  /**
   * When Rook replaces the keys of the OSDs, as a CronJob has it. Only Vault can.
   * @default - never
   */
  readonly keyRotation?: { readonly schedule: string };
  /**
   * Namespace of the Ceph cluster, where its Secrets are.
   * @default - the namespace of the chart
   */
  readonly namespace?: string;
  /**
   * Name of a CephCluster into which server-side apply is to merge the block.
   * @default - nothing is emitted: put `securityBlock` into the manifest of the cluster
   */
  readonly patchCluster?: string;
  /**
   * What the rules know besides, such as the state of the Vault, and which of them do not hold here.
   * @default - all rules hold; nothing else is known
   */
  readonly rules?: OwnRulesProps;
}

/** The block `spec.security` of a CephCluster, as far as it speaks of keys. */
export interface RookSecurityBlock {
  /** The connection to the KMS. */
  readonly kms: RookKmsBlock;
  /** When the keys of the OSDs are replaced; absent: never. */
  readonly keyRotation?: { readonly enabled: true; readonly schedule: string };
}

/** The KMS of a CephCluster. Only OSDs on claims, with `encrypted: true` in their device set, use it. */
export class RookKms extends Construct {
  /** What goes into `spec.security` of the CephCluster. */
  readonly securityBlock: RookSecurityBlock;
  /**
   * The ServiceAccounts that a role of Vault must be bound to: the operator's way in and the OSDs'. Empty unless Rook logs in
   * with the method kubernetes.
   */
  readonly boundServiceAccounts: readonly { readonly name: string; readonly namespace: string | undefined }[];

  constructor(scope: Construct, id: string, { kms, keyRotation, patchCluster, rules, ...props }: RookKmsProps) {
    super(scope, id);
    const subject = this.node.path;
    const namespace = props.namespace ?? Chart.of(this).namespace;
    const connection = connectionOf(kms, { prop: `${subject}.kms`, namespace });
    if (keyRotation !== undefined) refuseRotation(kms, subject);
    this.securityBlock = {
      kms: encodeRookKms(connection, `the KMS of ${subject}`),
      ...(keyRotation !== undefined && {
        keyRotation: {
          enabled: true,
          schedule: settleSchedule(keyRotation.schedule, `${subject}.keyRotation.schedule`),
        },
      }),
    };
    const logsIn = kms.provider === 'vault' && kms.auth.method === 'kubernetes';
    this.boundServiceAccounts = logsIn
      ? ['rook-ceph-system', 'rook-ceph-osd'].map((name) => ({ name, namespace }))
      : [];
    if (patchCluster !== undefined) {
      securityPatch(this, { kind: 'CephCluster', name: patchCluster, namespace }, this.securityBlock);
    }
    // The block may go into a manifest of somebody else's: it is looked at as if it were in one.
    const metadata = { name: patchCluster ?? id, ...(namespace !== undefined && { namespace }) };
    const cluster = { kind: 'CephCluster', metadata, spec: { security: this.securityBlock } };
    validateObjects(this, () => [cluster], rules);
  }

  /** The key-value pairs of the connection, all text. */
  get connectionDetails(): Readonly<Record<string, string>> {
    return this.securityBlock.kms.connectionDetails;
  }

  /** Name of the Secret that the operator reads a token or credentials from. */
  get tokenSecretName(): string | undefined {
    return this.securityBlock.kms.tokenSecretName;
  }
}

interface Place {
  readonly prop: string;
  readonly namespace: string | undefined;
}

function connectionOf(kms: RookKmsConnection, place: Place): RookConnection {
  switch (kms.provider) {
    case 'vault': {
      const secrets = rookVaultSecretNames(kms.secrets ?? {}, { ...place, prop: `${place.prop}.secrets` });
      return { ...kms, secrets };
    }
    case 'azure-kv': {
      const { credentials, ...rest } = kms;
      return { ...rest, secrets: { certificate: credentialsName(kms.provider, credentials, place) } };
    }
    case 'ibmkeyprotect': {
      const { credentials, ...rest } = kms;
      return { ...rest, secrets: { token: credentialsName(kms.provider, credentials, place) } };
    }
    case 'kmip': {
      const { credentials, ...rest } = kms;
      return { ...rest, secrets: { token: credentialsName(kms.provider, credentials, place) } };
    }
    default:
      throw unknownProvider(kms, place.prop);
  }
}

function credentialsName(
  provider: keyof typeof rookServiceSecretKeys,
  secret: ISecret,
  { prop, namespace }: Place,
): string {
  const keys = rookServiceSecretKeys[provider];
  return nameOfSecret(secret, { prop: `${prop}.credentials`, keys, namespace, rule: 'trap 2' });
}

function unknownProvider(kms: never, prop: string): Error {
  return propError({
    prop: `${prop}.provider`,
    got: JSON.stringify((kms as { readonly provider: unknown }).provider),
    allowed: 'vault, ibmkeyprotect, kmip, azure-kv',
    remedy: 'Rook has no other; without a KMS it keeps the keys in Secrets of Kubernetes',
    rule: 'trap 9',
  });
}

function refuseRotation({ provider }: RookKmsConnection, subject: string): void {
  if (rookRotates.includes(provider)) return;
  throw propError({
    prop: `${subject}.keyRotation`,
    got: `a schedule, with the provider ${provider}`,
    allowed: `nothing, or the provider ${rookRotates.join(', ')}`,
    remedy: "Leave it out: Rook's job would replace keyslots and then fail to store the new key",
    rule: 'R2, trap 9',
  });
}
