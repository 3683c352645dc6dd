import { fromGoStyle } from '../../../runtime/cli/go-flags';
import { resolveSettings, type Sources } from '../../../runtime/kms-plugin/settings/resolve';
import { settings } from '../../../runtime/kms-plugin/settings/table';

const needed = { 'vault-address': 'https://vault:8200', token: 't0ken' };
const resolve = (sources: Partial<Sources>) => resolveSettings({ flags: needed, environment: {}, ...sources });

test('names every flag and variable once', () => {
  const flags = settings.flatMap((each) => each.flags);
  expect(new Set(flags).size).toBe(flags.length);
  const variables = settings.flatMap((each) => each.variables);
  expect(new Set(variables).size).toBe(variables.length);
});

test('has the defaults of the peer where it has them', () => {
  expect(resolve({}).config).toMatchObject({
    auth: { method: 'token' },
    transit: { mount: 'transit', key: 'kms' },
    socket: { endpoint: 'unix:///opt/kms/vaultkms.socket', mode: '0600' },
    health: { address: '127.0.0.1', port: 8080 },
    api: { v1: true, v2: true },
    localKek: { enabled: false },
  });
});

describe('every flag and variable of vault-kubernetes-kms', () => {
  const cases: readonly (readonly [flag: string, variable: string, text: string, member: string, value: unknown])[] = [
    ['socket', 'VAULT_KMS_SOCKET', 'unix:///a/b', 'socket.endpoint', 'unix:///a/b'],
    ['debug', 'VAULT_KMS_DEBUG', 'true', 'log.level', 'debug'],
    ['vault-namespace', 'VAULT_KMS_VAULT_NAMESPACE', 'team', 'vault.namespace', 'team'],
    ['vault-ca-cert', 'VAULT_KMS_VAULT_CACERT', '/ca', 'vault.caFile', '/ca'],
    ['vault-ca-cert', 'VAULT_CACERT', '/ca', 'vault.caFile', '/ca'],
    ['transit-mount', 'VAULT_KMS_TRANSIT_MOUNT', 'tr', 'transit.mount', 'tr'],
    ['vault-transit-mount', 'VAULT_KMS_VAULT_TRANSIT_MOUNT', 'tr', 'transit.mount', 'tr'],
    ['transit-key', 'VAULT_KMS_TRANSIT_KEY', 'k', 'transit.key', 'k'],
    ['vault-transit-key', 'VAULT_KMS_VAULT_TRANSIT_KEY', 'k', 'transit.key', 'k'],
    ['health-port', 'VAULT_KMS_HEALTH_PORT', '9090', 'health.port', 9090],
    ['health-port', 'HEALTH_PORT', '9090', 'health.port', 9090],
    ['disable-v1', 'VAULT_KMS_DISABLE_V1', 'true', 'api.v1', false],
    ['disable-v2', 'VAULT_KMS_DISABLE_V2', 'T', 'api.v2', false],
  ];
  const memberOf = (value: unknown, member: string): unknown =>
    member.split('.').reduce((part, key) => (part as Record<string, unknown>)[key], value);
  test.each(cases)('--%s and %s=%s', (flag, variable, text, member, value) => {
    expect(memberOf(resolve({ flags: { ...needed, [flag]: text } }).config, member)).toBe(value);
    expect(memberOf(resolve({ environment: { [variable]: text } }).config, member)).toBe(value);
  });

  test.each([
    ['token', { 'auth-method': 'token', token: 'x' }, { method: 'token' }],
    [
      'approle',
      { 'auth-method': 'approle', 'approle-role-id': 'r', 'approle-secret-id': 's', 'approle-mount': 'm' },
      { method: 'approle', roleId: 'r', mount: 'm', secretIdWrapped: false },
    ],
    [
      'userpass',
      { 'auth-method': 'userpass', 'userpass-username': 'u', 'userpass-password': 'p' },
      { method: 'userpass', username: 'u', mount: 'userpass' },
    ],
    [
      'cert',
      { 'auth-method': 'cert', 'cert-file': '/c', 'cert-key': '/k', 'cert-role': 'r', 'cert-mount': 'm' },
      { method: 'cert', certificateFile: '/c', keyFile: '/k', role: 'r', mount: 'm' },
    ],
    [
      'jwt',
      { 'auth-method': 'jwt', 'jwt-role': 'r', 'jwt-token-source': 'file' },
      { method: 'jwt', role: 'r', mount: 'jwt', tokenFile: '/var/run/secrets/kubernetes.io/serviceaccount/token' },
    ],
    ['kubernetes, of old', { 'vault-k8s-role': 'r' }, { method: 'kubernetes', role: 'r', mount: 'kubernetes' }],
    ['token, of old', { 'vault-token': 'x' }, { method: 'token' }],
  ])('logs in by %s', (_, flags, auth) => {
    const { config } = resolve({ flags: { 'vault-address': 'https://v', ...(flags as Record<string, string>) } });
    expect(config.auth).toEqual(expect.objectContaining(auth));
  });

  test.each(['force-socket-overwrite', 'token-refresh-interval', 'token-renewal'])(
    '--%s is taken and said to be idle',
    (flag) => {
      const { notes } = resolve({ flags: { ...needed, [flag]: 'true' } });
      expect(notes.some((note) => note.includes(flag) && note.includes('no effect'))).toBe(true);
    },
  );
});

test('a flag counts before a variable, and that before the file', () => {
  const file = { transit: { mount: 'file', key: 'file' }, socket: { mode: '0660' }, vault: { namespace: 'file' } };
  const environment = {
    VAULT_KMS_TRANSIT_KEY: 'variable',
    VAULT_NAMESPACE: 'standard',
    VAULT_KMS_VAULT_NAMESPACE: 'ours',
  };
  const { config } = resolve({ file, environment, flags: { ...needed, 'transit-mount': 'flag' } });
  expect(config.transit).toEqual({ mount: 'flag', key: 'variable' });
  expect(config.vault.namespace).toBe('ours');
  expect(config.socket.mode).toBe('0660');
});

test('a flag counts before a variable also where two settings set one member', () => {
  const environment = { VAULT_KMS_LOG_LEVEL: 'error' };
  expect(resolve({ environment, flags: { ...needed, debug: 'true' } }).config.log.level).toBe('debug');
});

test('a login by flag replaces that of the file as a whole', () => {
  const file = { auth: { method: 'approle', roleId: 'r', secretIdFile: '/s' } };
  const { config } = resolve({ file, flags: { ...needed, 'auth-method': 'token' } });
  expect(config.auth).toEqual({ method: 'token' });
  const flags = { 'vault-address': 'https://v', 'approle-role-id': 'other' };
  expect(resolve({ file, flags }).config.auth).toMatchObject({ roleId: 'other', secretIdFile: '/s' });
});

test('of a value and a file the one that ranks higher counts, and of equals the file', () => {
  const file = { auth: { method: 'token', tokenFile: '/in-file' } };
  expect(resolve({ file }).config.auth).toEqual({ method: 'token' });
  const both = { 'vault-address': 'https://v', token: 'x', 'token-file': '/t' };
  expect(resolve({ flags: both }).given.token).toBeUndefined();
  const flags = { 'vault-address': 'https://v', 'token-file': '/t' };
  const { config, given } = resolve({ flags, environment: { VAULT_TOKEN: 'x' } });
  expect(config.auth).toEqual({ method: 'token', tokenFile: '/t' });
  expect(given.token).toBeUndefined();
});

test('warns of secrets on the command line, misspelt variables and those without effect, and shows no secret', () => {
  const { notes } = resolve({ environment: { VAULT_KMS_TRANSIT_KYE: 'x', VAULT_HTTP_PROXY: 'http://p' } });
  expect(notes.join('\n')).toMatch(/--token shows a secret/);
  expect(notes.join('\n')).toMatch(/VAULT_KMS_TRANSIT_KYE .* VAULT_KMS_TRANSIT_KEY/);
  expect(notes.join('\n')).toMatch(/VAULT_HTTP_PROXY has no effect/);
  expect(notes.join('\n')).not.toContain('t0ken');
  expect(resolve({ flags: { 'vault-address': 'https://v' }, environment: { VAULT_TOKEN: 't0ken' } }).notes).toEqual([]);
});

test.each([
  ['both versions off', { 'disable-v1': 'true', 'disable-v2': 'true' }, /both versions/],
  ['no such login', { 'auth-method': 'ldap' }, /auth\.method/],
  ['a port that is none', { 'health-port': '70000' }, /health\.port/],
  ['a mode that is none', { 'socket-mode': 'rw' }, /socket\.mode/],
])('refuses %s and names it', (_, flags, text) => {
  expect(() => resolve({ flags: { ...needed, ...(flags as Record<string, string>) } })).toThrow(text);
  expect(() => resolve({ flags: { ...needed, ...(flags as Record<string, string>) } })).toThrowWithCode(
    'CONFIG_INVALID',
  );
});

test('refuses unknown members of the file, with what was meant', () => {
  expect(() => resolve({ file: { transit: { kye: 'x' } } })).toThrow(/transit\.kye.*"key"/);
  expect(() => resolve({ file: ['list'] })).toThrowWithCode('CONFIG_INVALID');
});

describe('a command line in the style of Go', () => {
  const flags = [
    { name: 'token', isSwitch: false },
    { name: 'debug', isSwitch: true },
  ];
  test.each([
    [['-token', 'x'], ['--token=x']],
    [['--token', '-x'], ['--token=-x']],
    [['-token=a=b'], ['--token=a=b']],
    [['-token='], ['--token=']],
    [
      ['-debug', 'doctor'],
      ['--debug=true', 'doctor'],
    ],
    [['--debug=false'], ['--debug=false']],
    [
      ['-unknown', '-h'],
      ['-unknown', '-h'],
    ],
    [['-token'], ['--token']],
    [
      ['--', '-token', 'x'],
      ['--', '-token', 'x'],
    ],
  ])('%j becomes %j', (args, rewritten) => {
    expect(fromGoStyle(args, flags)).toEqual(rewritten);
  });
});
