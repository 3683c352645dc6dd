// Names that the declaration and the runtime must agree on. Each is written here once.
import * as z from 'zod';
import type { SecretRef } from './secret-ref';
import type { IssueParams } from './zod-issues';

/** Name of keyward's own CSI driver, unless the declaration gives another. */
export const defaultDriverName = 'csi.keyward.io';

/** Topology key of a driver's node-local volumes; its value is the node's id. */
export function nodeTopologyKey(driverName: string): string {
  return `topology.${driverName}/node`;
}

/** Where the driver's files are inside its container. */
export const mountPaths = {
  /** Holds `config.json`: the RuntimeConfig. */
  config: '/etc/keyward',
  /** Holds `config.json`: the KMS sections. */
  kms: '/etc/keyward/kms',
  /** Holds one folder per Secret: `<namespace>/<name>/<key>`. */
  secrets: '/etc/keyward/secrets',
  /** Holds `config.json`: the Ceph clusters, where ceph-csi has them too. */
  cephClusters: '/etc/ceph-csi-config',
  /** Holds the CSI sockets. */
  socket: '/csi',
  /** The kubelet's plugin watcher looks here for registration sockets. */
  registration: '/registration',
  /** Holds the socket of `keyward rotate` and `keyward verify`. */
  admin: '/run/keyward',
  /** Holds token and CA for the Kubernetes API, apart from the token for Vault, which has the usual place. */
  apiAccess: '/var/run/secrets/keyward/api',
  /** Holds the socket of the tenant agent. */
  tenantAgent: '/tenant-agent',
} as const;

/** The data key under which both configuration ConfigMaps keep their document. */
export const configFileName = 'config.json';

/** ConfigMap names as ceph-csi looks for them. */
export const cephCsiConfigMapNames = {
  /** Mounted at `/etc/ceph-csi-encryption-kms-config`, one key `config.json`. */
  file: 'ceph-csi-encryption-kms-config',
  /** Read through the API when the file does not exist, one key per KMS id. */
  connectionDetails: 'csi-kms-connection-details',
} as const;

/** ConfigMap name that Rook's operator mounts into ceph-csi, in its own namespace. */
export const rookCsiKmsConfigMapName = 'rook-ceph-csi-kms-config';

/** Label of a Secret whose values stand in its manifest: for development only, and a rule looks for it (trap 15). */
export const devOnlyLabel = 'keyward.io/dev-only';

/** Annotation of a StorageClass with the days that a key may grow old: for people, and for a rule that compares the schedule. */
export const maximumKeyAgeAnnotation = 'keyward.io/maximum-key-age-days';

/** The key inside a Secret that holds the passphrase of the `metadata` KMS. */
export const passphraseSecretKey = 'encryptionPassphrase';

/** The keys of a Secret with a Ceph user, as ceph-csi reads it. */
export const cephUserKeys = ['userID', 'userKey'] as const;

/** Where a pod finds its own service-account token. */
export const serviceAccountTokenFile = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/** Where the driver finds one key of a Secret of its own namespace. The driver construct mounts what the KMS settings name so. */
export function secretFile({ namespace, name, key }: Required<SecretRef>): string {
  return `${mountPaths.secrets}/${namespace}/${name}/${key}`;
}

/** The Secret key that a path of `secretFile` names, or nothing for any other path. */
export function secretOfFile(path: string): Required<SecretRef> | undefined {
  const [namespace, name, key, ...rest] = path.startsWith(`${mountPaths.secrets}/`)
    ? path.slice(mountPaths.secrets.length + 1).split('/')
    : [];
  return namespace && name && key && rest.length === 0 ? { namespace, name, key } : undefined;
}

const dnsLabel = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';

/** A DNS-1123 label: namespaces, container names. */
export const labelName = z
  .string()
  .max(63)
  .regex(new RegExp(`^${dnsLabel}$`), {
    error: 'is not a DNS-1123 label',
    abort: true,
  });

/** A DNS-1123 subdomain: names of most Kubernetes objects. */
export const objectName = z
  .string()
  .max(253)
  .regex(new RegExp(`^${dnsLabel}(\\.${dnsLabel})*$`), {
    error: 'is not a DNS-1123 subdomain',
    abort: true,
  });

/** A CSI driver name. csi-sanity and the kubelet want it to begin and end with a letter, and lower case. */
export const driverName = z.string().refine((name) => name.length <= 63 && /^[a-z]([-a-z0-9.]*[a-z])?$/.test(name), {
  error: 'is not a CSI driver name',
  params: {
    remedy: 'use at most 63 lower-case letters, digits, "-" and ".", with a letter first and last',
  } satisfies IssueParams,
});

/** A KMS id (`encryptionKMSID`): also a key of a ConfigMap, so the letters of one. */
export const kmsId = z.string().refine((id) => /^[-._a-zA-Z0-9]{1,253}$/.test(id), {
  error: 'is not a KMS id',
  params: { remedy: 'use letters, digits, "-", "_" and "."; it becomes a key of a ConfigMap' } satisfies IssueParams,
});
