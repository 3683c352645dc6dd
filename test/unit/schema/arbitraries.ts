// Any settings that the schema accepts, for the round-trip properties of every dialect.
import fc from 'fast-check';
import { type KmsSettings, type MetadataKmsSettings, settleKms, type VaultKmsSettings } from '../../../lib/schema/kms';
import { settleRuntimeConfig } from '../../../lib/schema/runtime-config';
import { settleVolume } from '../../../lib/schema/volume-parameters';

export const dnsName = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,10}[a-z0-9])?$/);
const word = fc.stringMatching(/^[A-Za-z0-9_.-]{1,12}$/).filter((text) => text !== 'auth' && text !== 'login');
const path = fc.array(word, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const file = path.map((text) => `/${text}`);
const maybe = <K extends string, V>(key: K, value: fc.Arbitrary<V>) =>
  fc.option(value, { nil: undefined }).map((it) => (it === undefined ? {} : ({ [key]: it } as { [P in K]?: V })));

export const address = fc
  .tuple(fc.constantFrom('http', 'https'), dnsName, fc.nat(65_535))
  .map(([scheme, host, port]) => `${scheme}://${host}:${port}`);

export const metadataSettings: fc.Arbitrary<MetadataKmsSettings> = fc.oneof(
  fc.constant({ type: 'metadata' as const }),
  fc
    .tuple(dnsName, maybe('secretNamespace', dnsName))
    .map(([secretName, rest]) => ({ type: 'metadata' as const, secretName, ...rest })),
);

const tls = fc
  .tuple(
    fc.boolean(),
    fc.oneof(
      fc.constant({}),
      word.map((caFromSecret) => ({ caFromSecret })),
      file.map((caFile) => ({ caFile })),
    ),
    maybe('serverName', dnsName),
  )
  .map(([verify, ca, name]) => ({ verify, ...ca, ...name }));

const auth = fc.oneof(
  fc.record({ method: fc.constant('token' as const), tokenFile: file }),
  fc
    .tuple(path, word, maybe('tokenFile', file))
    .map(([mountPath, role, rest]) => ({ method: 'kubernetes' as const, mountPath, role, ...rest })),
);

export const vaultSettings: fc.Arbitrary<VaultKmsSettings> = fc
  .record({
    type: fc.constant('vault' as const),
    address,
    backend: fc.constantFrom('kv' as const, 'kv-v2' as const, 'detect' as const),
    backendPath: path.chain((it) => fc.constantFrom(it, `${it}/`)),
    passphrasePath: fc.oneof(fc.constant(''), path, fc.string()),
    deletion: fc.constantFrom('destroy' as const, 'recoverable' as const, 'keep' as const),
    namespace: fc.oneof(fc.constant(''), path),
    authNamespace: fc.oneof(fc.constant(''), path),
    tls,
    auth,
  })
  .filter(({ backend, deletion }) => backend !== 'kv' || deletion !== 'recoverable')
  .map((props) => settleKms('any', props));

const kmsSettings: fc.Arbitrary<KmsSettings> = fc.oneof(metadataSettings, vaultSettings);

export const kmsMap = fc
  .dictionary(fc.stringMatching(/^[-._a-zA-Z0-9]{1,20}$/), kmsSettings)
  .map((it) => new Map(Object.entries(it)));

const luks = fc.oneof(
  fc.record({
    cipher: fc.constantFrom('aes-xts-plain64' as const, 'aes-xts-random' as const, 'serpent-xts-plain64' as const),
    keySizeBits: fc.constantFrom(256 as const, 512 as const),
    sectorSizeBytes: fc.constantFrom(512 as const, 1024 as const, 2048 as const, 4096 as const),
    pbkdf: fc.constant('pbkdf2' as const),
    pbkdfIterations: fc.integer({ min: 1000, max: 1_000_000 }),
  }),
  fc.record({
    pbkdf: fc.constant('argon2id' as const),
    pbkdfIterations: fc.integer({ min: 4, max: 20 }),
    pbkdfMemoryKiB: fc.integer({ min: 32, max: 1_048_576 }),
  }),
);

export const volumeParameters = fc
  .tuple(
    word.filter((id) => id !== 'default'),
    luks,
    maybe('mkfsOptions', fc.string()),
    maybe('owner', dnsName),
    maybe('pvcName', dnsName),
    maybe('pvName', dnsName),
  )
  .map(([kmsId, it, mkfs, owner, pvc, pv]) => ({
    ...settleVolume({ kmsId, luks: it, ...mkfs }, 'any'),
    ...owner,
    ...pvc,
    ...pv,
  }));

export const runtimeConfig = fc
  .record({
    driverName: fc.stringMatching(/^[a-z]([-a-z0-9.]{0,20}[a-z])?$/),
    backend: fc
      .tuple(
        file.filter((it) => !it.split('/').some((part) => part === '.' || part === '..')),
        maybe('capacityBytes', fc.integer({ min: 1 })),
      )
      .map(([directory, rest]) => ({ type: 'loop' as const, directory, ...rest })),
    cryptsetup: fc.record({
      parallel: fc.integer({ min: 1, max: 64 }),
      timeoutSeconds: fc.integer({ min: 1, max: 3600 }),
    }),
    log: fc.record({ level: fc.constantFrom('debug' as const, 'info' as const, 'warn' as const, 'error' as const) }),
  })
  .map(settleRuntimeConfig);
