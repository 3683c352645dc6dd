// Configuration of `keyward kms-plugin`: what its file holds, and what flags and environment are brought into. Secrets are
// named by file only; a secret in a flag or variable, which the plugin takes for compatibility, never comes here.
import * as z from 'zod';
import { decodeWith } from './decode';
import type { KmsPluginConfig, KmsPluginProps } from './kms-plugin-config';
import { serviceAccountTokenFile } from './names';
import type { Same } from './written-type';
import type { IssueParams } from './zod-issues';

export type { KmsPluginConfig, KmsPluginProps } from './kms-plugin-config';

const file = z.string().regex(/^\/[^\0]*[^/\0]$/, { error: 'is not an absolute path of a file' });
const mountPath = z.string().regex(/^[^/\0][^\0]*$/, { error: 'is not a mount path, which has no slash in front' });
const seconds = (min: number, max: number) => z.int().min(min).max(max);
const id = z.int().min(0).max(4_294_967_294);

const auth = z
  .discriminatedUnion('method', [
    z.strictObject({
      method: z.literal('token'),
      tokenFile: file.describe('file with a periodic orphan token').exactOptional(),
    }),
    z.strictObject({
      method: z.literal('approle'),
      mount: mountPath.describe('mount of the auth method').prefault('approle'),
      roleId: z.string().min(1).describe('role id, which is no secret').exactOptional(),
      roleIdFile: file.describe('file with the role id').exactOptional(),
      secretIdFile: file.describe('file with the secret id, read at each login').exactOptional(),
      secretIdWrapped: z.boolean().describe('the secret id is a wrapping token').prefault(false),
    }),
    z.strictObject({
      method: z.literal('cert'),
      mount: mountPath.describe('mount of the auth method').prefault('cert'),
      role: z.string().min(1).describe('role that trusts the certificate').exactOptional(),
      certificateFile: file.describe('file with certificate and chain as PEM, read at each login').exactOptional(),
      keyFile: file.describe('file with the key as PEM').exactOptional(),
      bundleFile: file.describe('one file with certificate and key as PEM').exactOptional(),
    }),
    z.strictObject({
      method: z.literal('jwt'),
      mount: mountPath.describe('mount of the auth method').prefault('jwt'),
      role: z.string().min(1).describe('role to log in as'),
      tokenFile: file.describe('file with the signed token, read at each login').prefault(serviceAccountTokenFile),
    }),
    z.strictObject({
      method: z.literal('kubernetes'),
      mount: mountPath.describe('mount of the auth method').prefault('kubernetes'),
      role: z.string().min(1).describe('role to log in as'),
      tokenFile: file.describe('file with the service account token').prefault(serviceAccountTokenFile),
    }),
    z.strictObject({
      method: z.literal('userpass'),
      mount: mountPath.describe('mount of the auth method').prefault('userpass'),
      username: z.string().min(1).describe('name of the user'),
      passwordFile: file.describe('file with the password, read at each login').exactOptional(),
    }),
  ])
  .describe('how the plugin logs in to Vault');

const vault = z.strictObject({
  address: z
    .string()
    .regex(/^https?:\/\/[^\s/]/, { error: 'is not an http(s) URL' })
    .describe('https://host:port of Vault or OpenBao'),
  namespace: z.string().describe('namespace of login and transit engine; empty for the root').prefault(''),
  caFile: file.describe('file with the CA of the server as PEM').exactOptional(),
  caDirectory: z.string().startsWith('/').describe('folder with CA files as PEM').exactOptional(),
  serverName: z.string().min(1).describe('name to expect in the certificate of the server').exactOptional(),
  insecureSkipVerify: z.boolean().describe('accept any certificate: for tests only').prefault(false),
  clientCertificateFile: file.describe('certificate to show to a server or proxy that asks for one').exactOptional(),
  clientKeyFile: file.describe('key of that certificate').exactOptional(),
  requestTimeoutMs: z.int().min(100).max(60_000).describe('how long one request may take').prefault(10_000),
});

const config = z
  .strictObject({
    vault,
    auth,
    transit: z
      .strictObject({
        mount: mountPath.describe('mount of the transit engine').prefault('transit'),
        key: z
          .string()
          .regex(/^[^/\0]+$/, { error: 'is not the name of a key' })
          .describe('name of the transit key')
          .prefault('kms'),
      })
      .prefault({}),
    socket: z
      .strictObject({
        endpoint: z
          .string()
          .describe('unix:///path or, in the abstract namespace, unix:///@name')
          .prefault('unix:///opt/kms/vaultkms.socket'),
        mode: z
          .string()
          .regex(/^0?[0-7]{3}$/, { error: 'is not a file mode, e.g. "0660"' })
          .describe('mode of the socket file')
          .prefault('0600'),
        uid: id.describe('owner of the socket file, e.g. 65534 for Talos').exactOptional(),
        gid: id.describe('group of the socket file').exactOptional(),
      })
      .prefault({}),
    api: z
      .strictObject({
        v1: z.boolean().describe('serve KMS v1beta1').prefault(true),
        v2: z.boolean().describe('serve KMS v2').prefault(true),
      })
      .prefault({}),
    calls: z
      .strictObject({
        timeoutMs: z.int().min(100).max(60_000).describe('how long a call may take').prefault(2_500),
        maxWaiting: z.int().min(1).max(100_000).describe('calls that may wait for Vault').prefault(4_096),
        maxBatch: z.int().min(1).max(1_000).describe('calls in one request to Vault').prefault(128),
      })
      .prefault({}),
    watch: z
      .strictObject({
        pollSeconds: seconds(1, 3_600).describe('between two probes of the key').prefault(30),
        outageGraceSeconds: seconds(0, 86_400)
          .describe('how long an outage of Vault is not told as unhealthy')
          .prefault(600),
      })
      .prefault({}),
    localKek: z
      .strictObject({
        enabled: z.boolean().describe('encrypt with a local KEK that transit wraps (v2)').prefault(false),
        maxAgeSeconds: seconds(60, 2_592_000).describe('age at which it is replaced').prefault(86_400),
        maxUses: z
          .int()
          .min(1)
          .max(2 ** 31)
          .describe('encryptions after which it is replaced')
          .prefault(2 ** 24),
      })
      .prefault({}),
    health: z
      .strictObject({
        address: z.string().min(1).describe('address of the health and metrics port').prefault('127.0.0.1'),
        port: z.int().min(0).max(65_535).describe('health and metrics port; 0: off').prefault(8_080),
        peerMetrics: z.boolean().describe('also metrics by the names of vault-kubernetes-kms').prefault(false),
      })
      .prefault({}),
    log: z
      .strictObject({
        level: z.enum(['debug', 'info', 'warn', 'error']).describe('least level that is logged').prefault('info'),
      })
      .prefault({}),
  })
  .refine(({ api }) => api.v1 || api.v2, {
    path: ['api'],
    error: 'turns off both versions of the KMS API',
    params: { remedy: 'serve v1, v2 or both' } satisfies IssueParams,
  });

true satisfies Same<KmsPluginConfig, z.output<typeof config>>;
true satisfies Same<KmsPluginProps, z.input<typeof config>>;

/** The ways to log in. */
export const kmsPluginAuthMethods = ['token', 'approle', 'cert', 'jwt', 'kubernetes', 'userpass'] as const;

/** Fills the defaults of a configuration and checks it. The result is frozen. */
export function settleKmsPluginConfig(props: unknown): KmsPluginConfig {
  return decodeWith(config, props, 'the configuration of the KMS plugin');
}
