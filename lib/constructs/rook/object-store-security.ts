// Server-side encryption of a Ceph object store: `spec.security` of a CephObjectStore, for keys that the client names (`kms`)
// and for keys that RGW makes for each bucket (`s3`). Vault only.
import { Chart } from 'cdk8s';
import { Construct } from 'constructs';
import type { RookKmsBlock } from '../../schema/kms/rook';
import {
  encodeRookObjectStore,
  type RookObjectStoreUse,
  type RookObjectStoreVault,
} from '../../schema/kms/rook-object-store';
import { propError } from '../prop-error';
import { securityPatch } from './security-patch';
import { type RookVaultSecretRefs, rookVaultSecretNames } from './vault-secrets';

/** A Vault for RGW as a declaration writes it. */
export type RookObjectStoreConnection = Omit<RookObjectStoreVault, 'secrets'> & {
  /** The Secrets, by reference. */
  readonly secrets?: RookVaultSecretRefs;
};

/** Props of a `RookObjectStoreSecurity`. */
export interface RookObjectStoreSecurityProps {
  /**
   * Where the keys are that clients name (SSE-KMS): a transit engine, or a KV engine of version 2.
   * @default - SSE-KMS is not offered
   */
  readonly kms?: RookObjectStoreConnection;
  /**
   * Where RGW keeps the keys of buckets (SSE-S3): a transit engine.
   * @default - SSE-S3 is not offered
   */
  readonly s3?: RookObjectStoreConnection;
  /**
   * Namespace of the object store, where its Secrets are.
   * @default - the namespace of the chart
   */
  readonly namespace?: string;
  /**
   * Name of a CephObjectStore into which server-side apply is to merge the block.
   * @default - nothing is emitted: put `securityBlock` into the manifest of the store
   */
  readonly patchObjectStore?: string;
}

/** The block `spec.security` of a CephObjectStore, as far as it speaks of keys. */
export type RookObjectStoreSecurityBlock = Readonly<Partial<Record<RookObjectStoreUse, RookKmsBlock>>>;

/** The KMS of a CephObjectStore. */
export class RookObjectStoreSecurity extends Construct {
  /** What goes into `spec.security` of the CephObjectStore. */
  readonly securityBlock: RookObjectStoreSecurityBlock;

  constructor(scope: Construct, id: string, props: RookObjectStoreSecurityProps) {
    super(scope, id);
    const namespace = props.namespace ?? Chart.of(this).namespace;
    this.securityBlock = { ...this.#blockOf('kms', props, namespace), ...this.#blockOf('s3', props, namespace) };
    if (Object.keys(this.securityBlock).length === 0) throw nothingGiven(this.node.path);
    if (props.patchObjectStore !== undefined) {
      securityPatch(this, { kind: 'CephObjectStore', name: props.patchObjectStore, namespace }, this.securityBlock);
    }
  }

  #blockOf(
    use: RookObjectStoreUse,
    { [use]: vault }: RookObjectStoreSecurityProps,
    namespace: string | undefined,
  ): RookObjectStoreSecurityBlock {
    if (vault === undefined) return {};
    const prop = `${this.node.path}.${use}`;
    const secrets = rookVaultSecretNames(vault.secrets ?? {}, { prop: `${prop}.secrets`, namespace });
    return { [use]: encodeRookObjectStore(use, { ...vault, secrets }, prop) };
  }
}

function nothingGiven(subject: string): Error {
  return propError({
    prop: subject,
    got: 'neither kms nor s3',
    allowed: 'at least one of the two',
    remedy: 'Give the Vault that keeps the keys, or leave the construct out',
    rule: 'trap 1',
  });
}
