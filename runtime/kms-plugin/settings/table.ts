/**
 * Every setting of the plugin, once: its flags and variables, in the spellings of vault-kubernetes-kms of all times and of
 * our own, and the member of the configuration that it sets (lib/schema/kms-plugin.ts). Help, parsing, precedence and the
 * search for misspelt variables are made from this table.
 */
import { resolve } from 'node:path';

export interface Setting {
  /**
   * Member of the configuration, keys joined by dots. Those of a login stand below `auth.<method>`. What begins with
   * `given.` has no place in the file: a secret, or PEM text. `unused.` has no effect.
   */
  readonly member: string;
  /** Without dashes, today's spelling first. */
  readonly flags: readonly [string, ...string[]];
  /** Whole names; the first one that is set counts. */
  readonly variables: readonly string[];
  readonly kind: 'text' | 'file' | 'number' | 'switch';
  readonly help: string;
  /** What the member becomes, when it is not the text, number or boolean itself. */
  readonly read?: (value: string | number | boolean) => unknown;
  /** The value is a secret: it is visible to others on a command line. */
  readonly secret?: true;
}

type Options = Partial<Pick<Setting, 'kind' | 'read' | 'secret'>> & {
  /** Older spellings of the flag. */
  readonly old?: readonly string[];
  /** Further variables, whole names. */
  readonly also?: readonly string[];
};

const prefix = 'VAULT_KMS_';

/** Name of the variable of a setting, `VAULT_KMS_` in front. */
function setting(member: string, flag: string, variable: string, help: string, options: Options = {}): Setting {
  const { kind = 'text', old = [], also = [], read, secret } = options;
  return {
    member,
    flags: [flag, ...old],
    variables: [`${prefix}${variable}`, ...also],
    kind,
    help,
    ...(read && { read }),
    ...(secret && { secret }),
  };
}

const on: Options = { kind: 'switch' };
const number: Options = { kind: 'number' };
const file: Options = { kind: 'file' };
const negated = (value: unknown) => value !== true;

const vault: readonly Setting[] = [
  setting('vault.address', 'vault-address', 'VAULT_ADDR', 'address of Vault or OpenBao', {
    also: ['VAULT_AGENT_ADDR', 'VAULT_ADDR', 'BAO_ADDR'],
  }),
  setting('vault.namespace', 'vault-namespace', 'VAULT_NAMESPACE', 'namespace of login and transit engine', {
    also: ['VAULT_NAMESPACE', 'BAO_NAMESPACE'],
  }),
  setting('vault.caFile', 'vault-ca-cert', 'VAULT_CACERT', 'file with the CA of the server', {
    ...file,
    also: ['VAULT_CACERT', 'BAO_CACERT'],
  }),
  setting('vault.caDirectory', 'vault-ca-path', 'VAULT_CAPATH', 'folder with CA files', {
    ...file,
    also: ['VAULT_CAPATH', 'BAO_CAPATH'],
  }),
  setting('given.caPem', 'vault-ca-pem', 'VAULT_CACERT_BYTES', 'CA of the server as PEM text', {
    also: ['VAULT_CACERT_BYTES', 'BAO_CACERT_BYTES'],
  }),
  setting('vault.serverName', 'vault-server-name', 'VAULT_TLS_SERVER_NAME', 'name in the certificate of the server', {
    also: ['VAULT_TLS_SERVER_NAME', 'BAO_TLS_SERVER_NAME'],
  }),
  setting('vault.insecureSkipVerify', 'vault-skip-verify', 'VAULT_SKIP_VERIFY', 'accept any certificate: for tests', {
    ...on,
    also: ['VAULT_SKIP_VERIFY', 'BAO_SKIP_VERIFY'],
  }),
  setting('vault.clientCertificateFile', 'vault-client-cert', 'VAULT_CLIENT_CERT', 'certificate for a TLS proxy', {
    ...file,
    also: ['VAULT_CLIENT_CERT', 'BAO_CLIENT_CERT'],
  }),
  setting('vault.clientKeyFile', 'vault-client-key', 'VAULT_CLIENT_KEY', 'key of that certificate', {
    ...file,
    also: ['VAULT_CLIENT_KEY', 'BAO_CLIENT_KEY'],
  }),
  setting('vault.requestTimeoutMs', 'vault-request-timeout-ms', 'REQUEST_TIMEOUT_MS', 'for one request', number),
];

const auth: readonly Setting[] = [
  setting('auth.method', 'auth-method', 'AUTH_METHOD', 'token, approle, cert, jwt, kubernetes or userpass'),
  setting('given.token', 'token', 'TOKEN', 'token; prefer --token-file', {
    secret: true,
    old: ['vault-token'],
    also: [`${prefix}VAULT_TOKEN`, 'VAULT_TOKEN', 'BAO_TOKEN'],
  }),
  setting('auth.token.tokenFile', 'token-file', 'TOKEN_FILE', 'file with the token', file),
  setting('auth.approle.mount', 'approle-mount', 'APPROLE_MOUNT', 'mount of AppRole'),
  setting('auth.approle.roleId', 'approle-role-id', 'APPROLE_ROLE_ID', 'role id'),
  setting('auth.approle.roleIdFile', 'approle-role-id-file', 'APPROLE_ROLE_ID_FILE', 'file with the role id', file),
  setting('given.secretId', 'approle-secret-id', 'APPROLE_SECRET_ID', 'secret id; prefer the file', { secret: true }),
  setting(
    'auth.approle.secretIdFile',
    'approle-secret-id-file',
    'APPROLE_SECRET_ID_FILE',
    'file with the secret id, read at each login',
    file,
  ),
  setting(
    'auth.approle.secretIdWrapped',
    'approle-secret-id-wrapped',
    'APPROLE_SECRET_ID_WRAPPED',
    'the secret id is a wrapping token',
    on,
  ),
  setting('auth.userpass.mount', 'userpass-mount', 'USERPASS_MOUNT', 'mount of userpass'),
  setting('auth.userpass.username', 'userpass-username', 'USERPASS_USERNAME', 'name of the user'),
  setting('given.password', 'userpass-password', 'USERPASS_PASSWORD', 'password; prefer the file', { secret: true }),
  setting('auth.userpass.passwordFile', 'userpass-password-file', 'USERPASS_PASSWORD_FILE', 'file with it', file),
  setting('auth.cert.mount', 'cert-mount', 'CERT_MOUNT', 'mount of cert'),
  setting('auth.cert.role', 'cert-role', 'CERT_ROLE', 'role that trusts the certificate'),
  setting('auth.cert.certificateFile', 'cert-file', 'CERT_FILE', 'file with the certificate', file),
  setting('auth.cert.keyFile', 'cert-key', 'CERT_KEY', 'file with the key', file),
  setting('auth.cert.bundleFile', 'cert-pem', 'CERT_PEM', 'one file with certificate and key', file),
  setting('auth.jwt.mount', 'jwt-mount', 'JWT_MOUNT', 'mount of jwt'),
  setting('auth.jwt.role', 'jwt-role', 'JWT_ROLE', 'role to log in as'),
  setting('auth.jwt.tokenFile', 'jwt-token-path', 'JWT_TOKEN_PATH', 'file with the signed token', file),
  setting('auth.kubernetes.mount', 'kubernetes-mount', 'KUBERNETES_MOUNT', 'mount of kubernetes', {
    old: ['vault-k8s-mount'],
    also: [`${prefix}VAULT_K8S_MOUNT`],
  }),
  setting('auth.kubernetes.role', 'kubernetes-role', 'KUBERNETES_ROLE', 'role to log in as', {
    old: ['vault-k8s-role'],
    also: [`${prefix}VAULT_K8S_ROLE`],
  }),
  setting('auth.kubernetes.tokenFile', 'kubernetes-token-path', 'KUBERNETES_TOKEN_PATH', 'file with the token', file),
];

const service: readonly Setting[] = [
  setting('transit.mount', 'transit-mount', 'TRANSIT_MOUNT', 'mount of the transit engine', {
    old: ['vault-transit-mount'],
    also: [`${prefix}VAULT_TRANSIT_MOUNT`],
  }),
  setting('transit.key', 'transit-key', 'TRANSIT_KEY', 'name of the transit key', {
    old: ['vault-transit-key'],
    also: [`${prefix}VAULT_TRANSIT_KEY`],
  }),
  setting('socket.endpoint', 'socket', 'SOCKET', 'unix:///path, or unix:///@name for an abstract socket'),
  setting('socket.mode', 'socket-mode', 'SOCKET_MODE', 'mode of the socket file, in octal'),
  setting('socket.uid', 'socket-uid', 'SOCKET_UID', 'owner of the socket file (Talos: 65534)', number),
  setting('socket.gid', 'socket-gid', 'SOCKET_GID', 'group of the socket file', number),
  setting('api.v1', 'disable-v1', 'DISABLE_V1', 'do not serve KMS v1beta1', { ...on, read: negated }),
  setting('api.v2', 'disable-v2', 'DISABLE_V2', 'do not serve KMS v2', { ...on, read: negated }),
  setting('calls.timeoutMs', 'call-timeout-ms', 'CALL_TIMEOUT_MS', 'how long a call may take', number),
  setting('calls.maxWaiting', 'max-waiting-calls', 'MAX_WAITING_CALLS', 'calls that may wait for Vault', number),
  setting('calls.maxBatch', 'max-batch', 'MAX_BATCH', 'calls in one request to Vault', number),
  setting('watch.pollSeconds', 'poll-seconds', 'POLL_SECONDS', 'between two probes of the key', number),
  setting(
    'watch.outageGraceSeconds',
    'outage-grace-seconds',
    'OUTAGE_GRACE_SECONDS',
    'how long an outage of Vault is not told as unhealthy',
    number,
  ),
  setting('localKek.enabled', 'local-kek', 'LOCAL_KEK', 'encrypt with a local KEK that transit wraps (v2)', on),
  setting('localKek.maxAgeSeconds', 'local-kek-max-age-seconds', 'LOCAL_KEK_MAX_AGE_SECONDS', 'its life', number),
  setting('localKek.maxUses', 'local-kek-max-uses', 'LOCAL_KEK_MAX_USES', 'encryptions with one local KEK', number),
  setting('health.address', 'health-address', 'HEALTH_ADDRESS', 'address of the health and metrics port'),
  setting('health.port', 'health-port', 'HEALTH_PORT', 'health and metrics port; 0: off', {
    ...number,
    also: ['HEALTH_PORT'],
  }),
  setting(
    'health.peerMetrics',
    'peer-metrics',
    'PEER_METRICS',
    'also metrics by the names of vault-kubernetes-kms',
    on,
  ),
  setting('log.level', 'log-level', 'LOG_LEVEL', 'debug, info, warn or error'),
  setting('log.level', 'debug', 'DEBUG', 'log at level debug', {
    ...on,
    read: (value) => (value === true ? 'debug' : 'info'),
  }),
];

const unused: readonly Setting[] = [
  setting(
    'unused.overwrite',
    'force-socket-overwrite',
    'FORCE_SOCKET_OVERWRITE',
    'no effect: a stale socket is removed anyway, anything else never',
    {
      ...on,
      also: ['FORCE_SOCKET_OVERWRITE', 'VAULT_KUBERNETES_KMS_FORCE_SOCKET_OVERWRITE'],
    },
  ),
  setting(
    'unused.refresh',
    'token-refresh-interval',
    'TOKEN_REFRESH_INTERVAL',
    'no effect: a token is renewed at two thirds of its life',
  ),
  setting(
    'unused.renewal',
    'token-renewal',
    'TOKEN_RENEWAL_SECONDS',
    'no effect: the role says how long a token lives',
    {
      also: [`${prefix}TOKEN_RENEWAL`],
    },
  ),
  setting(
    'unused.jwtSource',
    'jwt-token-source',
    'JWT_TOKEN_SOURCE',
    'file; for SPIFFE let spiffe-helper write the file',
  ),
  setting('unused.spiffeEndpoint', 'jwt-spiffe-endpoint', 'JWT_SPIFFE_ENDPOINT', 'no effect, see jwt-token-source'),
  setting('unused.spiffeAudience', 'jwt-spiffe-audience', 'JWT_SPIFFE_AUDIENCE', 'no effect, see jwt-token-source'),
  setting('unused.spiffeId', 'jwt-spiffe-id', 'JWT_SPIFFE_ID', 'no effect, see jwt-token-source'),
];

export const settings: readonly Setting[] = [...vault, ...auth, ...service, ...unused];

/** Variables of Vault's own clients that the plugin does not act on. */
export const variablesWithoutEffect: readonly string[] = [
  'VAULT_HTTP_PROXY',
  'VAULT_PROXY_ADDR',
  'VAULT_SRV_LOOKUP',
  'VAULT_RATE_LIMIT',
  'VAULT_MAX_RETRIES',
  'VAULT_CLIENT_TIMEOUT',
  'VAULT_WRAP_TTL',
  'VAULT_MFA',
];

/** Prefix of the variables that belong to the plugin. */
export const variablePrefix = prefix;

/** Names the configuration file, as --config does. */
export const configVariable = `${prefix}CONFIG`;

/** The value of a flag or variable as its member takes it. Undefined: it cannot be read as what it should be. */
export function readValue({ kind, read }: Setting, text: string): unknown {
  const value = plainValue(kind, text);
  return value === undefined || !read ? value : read(value);
}

function plainValue(kind: Setting['kind'], text: string): string | number | boolean | undefined {
  switch (kind) {
    case 'text':
      return text;
    case 'file':
      return resolve(text);
    case 'number':
      return /^-?\d{1,15}$/.test(text) ? Number(text) : undefined;
    case 'switch':
      return switchValue(text);
  }
}

/** By the rules of Go's strconv.ParseBool, which the peer uses. */
function switchValue(text: string): boolean | undefined {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true;
  return ['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text) ? false : undefined;
}
