// The `vault` KMS as a section of ceph-csi's config.json, plus keys of keyward's own: vaultAuthMethod, vaultTokenFile,
// vaultServiceAccountTokenFile, vaultCAFile, vaultClientCertFile, vaultClientKeyFile, vaultKeepKeys.
// Strictness is that of ceph-csi v3.17, which requires vaultAuthPath, vaultRole and vaultPassphrasePath although it documents defaults.
import * as z from 'zod';
import { defined } from '../decode';
import { exactTrue, goBoolean } from '../go-values';
import { serviceAccountTokenFile } from '../names';
import { type IssueParams, purposeOf } from '../zod-issues';
import { deletionKeys, deletionOf } from './deletion-policy';
import { selectorKeys } from './selector';
import {
  defaultBackendPath,
  type VaultAuth,
  type VaultKmsSettings,
  vaultFields,
  vaultSettings,
} from './vault-settings';

/** `vaultAuthPath`. */
export const authPath = z.codec(z.string().describe('"/v1/auth/<mount>/login"'), vaultFields.mountPath, {
  decode: mountOfAuthPath,
  encode: (mountPath) => `/v1/auth/${mountPath}/login`,
});

const wire = z.strictObject({
  ...selectorKeys('vault'),
  vaultAddress: vaultFields.address,
  vaultBackend: z.string().describe('"kv" or "kv-v2"; anything else is looked up in sys/mounts').exactOptional(),
  vaultBackendPath: z.string().describe('mount path of the KV engine').exactOptional(),
  vaultPassphraseRoot: z.string().describe('old spelling of vaultBackendPath; wins over it').exactOptional(),
  vaultPassphrasePath: vaultFields.passphrasePath,
  vaultDestroyKeys: exactTrue.describe('"true": destroy all versions on delete').exactOptional(),
  vaultKeepKeys: goBoolean.describe('"true": leave the key on delete (keyward)').exactOptional(),
  vaultNamespace: vaultFields.namespace.exactOptional(),
  vaultAuthNamespace: vaultFields.authNamespace.exactOptional(),
  vaultCAVerify: goBoolean.describe('"false": do not check the certificate').exactOptional(),
  vaultCAFromSecret: z.string().describe('key inside the request secrets that holds the CA').exactOptional(),
  vaultCAFile: vaultFields.file.describe('mounted file that holds the CA (keyward)').exactOptional(),
  vaultClientCertFile: vaultFields.file.describe('mounted file with our own certificate (keyward)').exactOptional(),
  vaultClientKeyFile: vaultFields.file.describe('mounted file with the key of it (keyward)').exactOptional(),
  vaultTLSServerName: z.string().describe('name to expect in the certificate').exactOptional(),
  vaultAuthMethod: z.enum(['kubernetes', 'token']).describe('how to log in (keyward)').exactOptional(),
  vaultAuthPath: authPath.exactOptional(),
  vaultRole: vaultFields.role.exactOptional(),
  vaultServiceAccountTokenFile: vaultFields.file
    .describe('service-account token to log in with (keyward)')
    .exactOptional(),
  vaultTokenFile: vaultFields.file.describe('file that holds a Vault token (keyward)').exactOptional(),
});

type VaultWire = z.output<typeof wire>;
type Payload = z.core.ParsePayload;

/** The section ⇄ the settings. */
export const vaultSection = z.codec(wire, vaultSettings, {
  decode: (section, payload) => {
    const auth = decodeAuth(section, payload);
    if (auth === undefined) return z.NEVER;
    const namespace = section.vaultNamespace ?? '';
    const backendPath = (section.vaultPassphraseRoot?.replace(/^\/v1\//, '') ?? section.vaultBackendPath ?? '').trim();
    return {
      type: 'vault' as const,
      address: section.vaultAddress,
      backend: backendOf(section.vaultBackend),
      backendPath: backendPath || defaultBackendPath,
      passphrasePath: section.vaultPassphrasePath,
      deletion: deletionOf(section),
      namespace,
      authNamespace: section.vaultAuthNamespace || namespace,
      tls: {
        verify: section.vaultCAVerify ?? true,
        ...defined({
          caFromSecret: section.vaultCAFromSecret || undefined,
          caFile: section.vaultCAFile,
          clientCertFile: section.vaultClientCertFile,
          clientKeyFile: section.vaultClientKeyFile,
          serverName: section.vaultTLSServerName || undefined,
        }),
      },
      auth,
    };
  },
  encode: ({ address, backend, backendPath, passphrasePath, deletion, namespace, authNamespace, tls, auth }) => ({
    encryptionKMSType: 'vault' as const,
    vaultAddress: address,
    ...defined({ vaultBackend: backend === 'detect' ? undefined : backend }),
    vaultBackendPath: backendPath,
    vaultPassphrasePath: passphrasePath,
    ...deletionKeys(deletion),
    ...defined({ vaultNamespace: namespace || undefined, vaultAuthNamespace: authNamespace || undefined }),
    vaultCAVerify: tls.verify,
    ...defined({ vaultCAFromSecret: tls.caFromSecret, vaultCAFile: tls.caFile, vaultTLSServerName: tls.serverName }),
    ...defined({ vaultClientCertFile: tls.clientCertFile, vaultClientKeyFile: tls.clientKeyFile }),
    ...encodeAuth(auth),
  }),
});

/** The keys of the section with their meaning, for the documentation of the type. */
export const vaultOptionDocs: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(wire.shape).flatMap(([key, field]) => {
    const docs = purposeOf(field);
    return docs === undefined ? [] : [[key, docs]];
  }),
);

/** ceph-csi's reading of `vaultBackend`. */
export function backendOf(text: string | undefined): VaultKmsSettings['backend'] {
  const version = text?.trim();
  return version === 'kv' || version === 'kv-v2' ? version : 'detect';
}

function decodeAuth(section: VaultWire, payload: Payload): VaultAuth | undefined {
  const { vaultAuthPath: mountPath, vaultRole: role, vaultTokenFile: tokenFile } = section;
  if (section.vaultAuthMethod === 'token') {
    const misplaced = refuseKeys(
      section,
      payload,
      ['vaultAuthPath', 'vaultRole', 'vaultServiceAccountTokenFile'],
      'kubernetes',
    );
    if (tokenFile === undefined) requireKey(payload, 'vaultTokenFile', 'add the file that holds the Vault token');
    return tokenFile === undefined || misplaced ? undefined : { method: 'token', tokenFile };
  }
  const misplaced = refuseKeys(section, payload, ['vaultTokenFile'], 'token');
  if (mountPath === undefined) requireKey(payload, 'vaultAuthPath', 'add it, e.g. "/v1/auth/kubernetes/login"');
  if (role === undefined) requireKey(payload, 'vaultRole', 'add the role of the Kubernetes auth method');
  if (mountPath === undefined || role === undefined || misplaced) return undefined;
  return {
    method: 'kubernetes',
    mountPath,
    role,
    tokenFile: section.vaultServiceAccountTokenFile ?? serviceAccountTokenFile,
  };
}

function encodeAuth(auth: VaultAuth) {
  if (auth.method === 'token') return { vaultAuthMethod: auth.method, vaultTokenFile: auth.tokenFile };
  const own = auth.tokenFile === serviceAccountTokenFile ? undefined : auth.tokenFile;
  return { vaultAuthPath: auth.mountPath, vaultRole: auth.role, ...defined({ vaultServiceAccountTokenFile: own }) };
}

function requireKey(payload: Payload, key: string, remedy: string): void {
  const params: IssueParams = { remedy };
  payload.issues.push({ code: 'custom', input: undefined, path: [key], message: 'is missing', params });
}

function refuseKeys(section: VaultWire, payload: Payload, keys: readonly (keyof VaultWire)[], method: string): boolean {
  const present = keys.filter((key) => section[key] !== undefined);
  for (const key of present) {
    const params: IssueParams = { remedy: `remove it, or set vaultAuthMethod to "${method}"` };
    payload.issues.push({
      code: 'custom',
      input: undefined,
      path: [key],
      message: `belongs to the auth method ${method}`,
      params,
    });
  }
  return present.length > 0;
}

/** ceph-csi's rule: the parts between `auth` and `login`; when there are none, the whole text is the mount. */
function mountOfAuthPath(path: string): string {
  const parts = path.split('/');
  const login = parts.indexOf('login');
  const beforeLogin = login < 0 ? parts : parts.slice(0, login);
  const auth = beforeLogin.indexOf('auth');
  const between = auth < 0 ? [] : beforeLogin.slice(auth + 1).filter((part) => part !== 'auth' && part !== '');
  return between.length === 0 ? path : between.join('/');
}
