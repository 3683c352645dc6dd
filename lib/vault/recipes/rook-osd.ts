// Rook's OSD keys: the operator, and each OSD, keep one entry for each encrypted OSD (facts: create-only, then replaced by
// key rotation, then removed with all its versions).
import { decodeRookVault, type RookVaultConnection, type RookVaultKms } from '../../schema/kms';
import { kvAccess, mountsAccess } from '../access';
import type { VaultState } from '../namespace';
import { type DriverLoginProps, driverLogin } from './driver-login';
import { type RecipeProps, stateOf } from './grant';
import { type KvMountOptions, keyValuesOf } from './key-values';
import { plainPath } from './paths';

/** Props of `rookOsdState`. */
export interface RookOsdProps extends RecipeProps {
  /** The `security.kms` block of the CephCluster, or the connection that it is written from. */
  readonly kms: RookVaultKms | RookVaultConnection;
  /**
   * Namespace of the Ceph cluster.
   * @default rook-ceph
   */
  readonly namespace?: string;
  /**
   * Service accounts that use the KMS.
   * @default - rook-ceph-system and rook-ceph-osd, those of the operator and of the OSDs
   */
  readonly serviceAccounts?: readonly string[];
  /**
   * Audience of their tokens.
   * @default - not checked
   */
  readonly audience?: string;
  /**
   * Name of the policy, and of the role of a token.
   * @default rook
   */
  readonly name?: string;
  /**
   * The Kubernetes auth method, and the life of tokens.
   * @default - Vault runs in this cluster; batch tokens for an hour
   */
  readonly login?: DriverLoginProps;
  /**
   * Settings of the KV engine beside its version.
   * @default - those of the server
   */
  readonly mount?: KvMountOptions;
}

/** What the names of Rook's entries begin with; the name of the claim follows. */
const entryPrefix = 'rook-ceph-osd-encryption-key-';

/** Engine, policy and role for the OSD keys of one Ceph cluster. Throws a SchemaError for what cannot be. */
export function rookOsdState(props: RookOsdProps): VaultState {
  const { namespace = 'rook-ceph', audience, name = 'rook', login = {}, mount: options } = props;
  const { serviceAccounts: names = ['rook-ceph-system', 'rook-ceph-osd'] } = props;
  const { settings } = 'connectionDetails' in props.kms ? decodeRookVault(props.kms) : props.kms;
  const { engine } = keyValuesOf(settings, { prefix: entryPrefix, options });
  const version = engine.mount.type === 'kv' ? engine.mount.version : 2;
  const own = driverLogin(settings.auth, { names, namespaces: [namespace], audience }, name, login);
  const rules = [
    ...kvAccess({
      mountPath: engine.path,
      mount: { version },
      prefix: entryPrefix,
      verbs: ['read', 'write', 'destroy'],
    }),
    // Rook's `v1` and `v2` are unknown to the library that it uses, which therefore looks the version up each time.
    ...mountsAccess(undefined, 'Rook looks the KV version up'),
    ...own.rules,
  ];
  return stateOf(
    [{ namespace: plainPath(settings.authNamespace), policy: name, rules, login: own.login, engines: [engine] }],
    props,
    login,
  );
}
