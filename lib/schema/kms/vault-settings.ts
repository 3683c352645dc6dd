// Settings of the `vault` KMS, whatever spelling they came in, and the rules that every spelling must obey.
import * as z from 'zod';
import { decodeWith, defined } from '../decode';
import { serviceAccountTokenFile } from '../names';
import type { IssueParams } from '../zod-issues';
import { type DeletionPolicy, deletionPolicy, refuseEmptyPromise } from './deletion-policy';

/** Settings of a `vault` KMS: each volume's key is one entry in a KV engine of Vault or OpenBao. */
export interface VaultKmsSettings {
  /** The type. */
  readonly type: 'vault';
  /** `http(s)://host:port`. */
  readonly address: string;
  /** Version of the KV engine; `detect` asks `sys/mounts`, which the token must be allowed to read. */
  readonly backend: 'kv' | 'kv-v2' | 'detect';
  /** Mount path of the KV engine. */
  readonly backendPath: string;
  /** Prefix that stands before the volume id. */
  readonly passphrasePath: string;
  /** What becomes of a key when its volume is deleted. KV v1 cannot do `recoverable`: it destroys. */
  readonly deletion: DeletionPolicy;
  /** Namespace of the keys; empty for the root. */
  readonly namespace: string;
  /** Namespace of the login. */
  readonly authNamespace: string;
  /** How the server's certificate is checked. */
  readonly tls: VaultTls;
  /** How the driver logs in. */
  readonly auth: VaultAuth;
}

/** How the server's certificate is checked. */
export interface VaultTls {
  /** False accepts any certificate, for servers that hold nothing of worth. */
  readonly verify: boolean;
  /**
   * Key inside the request secrets that holds the CA as PEM.
   * @default - none
   */
  readonly caFromSecret?: string;
  /**
   * Mounted file that holds the CA as PEM.
   * @default - the CAs of the system
   */
  readonly caFile?: string;
  /**
   * Mounted file with the client's certificate and its chain as PEM, for a server that asks for one.
   * @default - none
   */
  readonly clientCertFile?: string;
  /**
   * Mounted file with the key of that certificate as PEM, without a passphrase.
   * @default - none
   */
  readonly clientKeyFile?: string;
  /**
   * Name to expect in the certificate, when it is not the host of the address.
   * @default - the host of the address
   */
  readonly serverName?: string;
}

/** How the driver logs in. */
export type VaultAuth =
  | { readonly method: 'kubernetes'; readonly mountPath: string; readonly role: string; readonly tokenFile: string }
  | { readonly method: 'token'; readonly tokenFile: string };

/** A `vault` KMS as a declaration writes it: what has a default may be left out. */
export interface VaultKmsProps {
  /** The type. */
  readonly type: 'vault';
  /** `https://host:port` of Vault or OpenBao. */
  readonly address: string;
  /** How the driver logs in: by the service account it runs as, or with a token in a mounted file. */
  readonly auth:
    | { readonly method: 'kubernetes'; readonly role: string; readonly mountPath?: string; readonly tokenFile?: string }
    | { readonly method: 'token'; readonly tokenFile: string };
  /**
   * Version of the KV engine.
   * @default kv-v2
   */
  readonly backend?: VaultKmsSettings['backend'];
  /**
   * Mount path of the KV engine.
   * @default secret/
   */
  readonly backendPath?: string;
  /**
   * Prefix that stands before the volume id.
   * @default - none
   */
  readonly passphrasePath?: string;
  /**
   * What becomes of a key when its volume is deleted. KV version 1 cannot do `recoverable`.
   * @default destroy
   */
  readonly deletion?: DeletionPolicy;
  /**
   * Namespace of the keys.
   * @default - the root namespace
   */
  readonly namespace?: string;
  /**
   * Namespace of the login.
   * @default - the namespace of the keys
   */
  readonly authNamespace?: string;
  /**
   * How the server's certificate is checked.
   * @default - verified with the CAs of the system
   */
  readonly tls?: Partial<VaultTls>;
}

/** The mount path of KV version engines when none is given, as in ceph-csi. */
export const defaultBackendPath = 'secret/';

const trimmed = z.string().overwrite((text) => text.trim());
const oneWord = (what: string) => trimmed.refine((text) => text !== '', { error: `is empty; it is ${what}` });

/** Fields whose rules are the same in every spelling. */
export const vaultFields = {
  address: trimmed
    .refine((text) => /^https?:\/\/[^/\s]+/.test(text), {
      error: 'does not start with http:// or https:// and a host',
      params: { remedy: 'write https://host:port' } satisfies IssueParams,
    })
    .refine((text) => !text.includes('@'), {
      error: 'contains "@"',
      params: { remedy: 'take user and password out of the address; log in by an auth method' } satisfies IssueParams,
    })
    .describe('https://host:port of Vault or OpenBao'),
  backendPath: oneWord('the mount path of the KV engine').describe('mount path of the KV engine'),
  passphrasePath: z.string().describe('prefix before the volume id, may be ""'),
  namespace: trimmed.describe('namespace of the keys'),
  authNamespace: trimmed.describe('namespace of the login'),
  caFromSecret: oneWord('a key of the request secrets').describe('key inside the request secrets that holds the CA'),
  file: z.string().regex(/^\/[^\0]+$/, { error: 'is not an absolute path' }),
  serverName: oneWord('a host name').describe('name to expect in the certificate'),
  role: oneWord('a role of the Kubernetes auth method').describe('role to log in as'),
  mountPath: trimmed
    .refine((path) => /^[^/\s]+(\/[^/\s]+)*$/.test(path), {
      error: 'does not name an auth mount',
      params: { remedy: 'write "/v1/auth/<mount>/login", or only the mount' } satisfies IssueParams,
    })
    .refine((path) => !path.split('/').some((part) => part === 'auth' || part === 'login'), {
      error: 'has a mount with a part called "auth" or "login"',
      params: {
        remedy: 'ceph-csi cuts the mount out between those two words: mount the auth method elsewhere',
      } satisfies IssueParams,
    })
    .describe('mount of the Kubernetes auth method'),
} as const;

/** The settings themselves. Codecs of the spellings end here. */
export const vaultSettings = z
  .strictObject({
    type: z.literal('vault'),
    address: vaultFields.address,
    backend: z.enum(['kv', 'kv-v2', 'detect']),
    backendPath: vaultFields.backendPath,
    passphrasePath: vaultFields.passphrasePath,
    deletion: deletionPolicy,
    namespace: vaultFields.namespace,
    authNamespace: vaultFields.authNamespace,
    tls: z
      .strictObject({
        verify: z.boolean(),
        caFromSecret: vaultFields.caFromSecret.exactOptional(),
        caFile: vaultFields.file.exactOptional(),
        clientCertFile: vaultFields.file.exactOptional(),
        clientKeyFile: vaultFields.file.exactOptional(),
        serverName: vaultFields.serverName.exactOptional(),
      })
      .refine(({ caFromSecret, caFile }) => caFromSecret === undefined || caFile === undefined, {
        error: 'takes the CA from two places',
        params: { remedy: 'keep the Secret key or the file, not both' } satisfies IssueParams,
      })
      .refine(({ clientCertFile, clientKeyFile }) => (clientCertFile === undefined) === (clientKeyFile === undefined), {
        error: 'has one half of a client certificate',
        params: { remedy: 'give the file of the certificate and the file of its key' } satisfies IssueParams,
      }),
    auth: z.discriminatedUnion('method', [
      z.strictObject({
        method: z.literal('kubernetes'),
        mountPath: vaultFields.mountPath,
        role: vaultFields.role,
        tokenFile: vaultFields.file,
      }),
      z.strictObject({ method: z.literal('token'), tokenFile: vaultFields.file }),
    ]),
  })
  .refine(({ namespace, authNamespace }) => authNamespace !== '' || namespace === '', {
    error: 'is the root while the keys are in a namespace',
    path: ['authNamespace'],
    params: { remedy: 'an empty login namespace means "the same": log in where the keys are' } satisfies IssueParams,
  });

/** Fills the defaults of a declaration and checks the whole. */
export function settleVault(props: VaultKmsProps, subject: string): VaultKmsSettings {
  const { authNamespace, namespace = '', tls, auth, ...rest } = props;
  const settled = {
    backend: 'kv-v2' as const,
    backendPath: defaultBackendPath,
    passphrasePath: '',
    deletion: 'destroy' as const,
    ...defined(rest),
    namespace,
    authNamespace: authNamespace || namespace,
    tls: { verify: true, ...defined(tls ?? {}) },
    auth:
      auth.method === 'token'
        ? auth
        : { mountPath: 'kubernetes', tokenFile: serviceAccountTokenFile, ...defined(auth) },
  };
  refuseEmptyPromise(settled, subject);
  return decodeWith(vaultSettings, settled, subject);
}
