// Any settings that the schema accepts, for the round-trip properties of every dialect.
import fc from 'fast-check';
import { type KmsSettings, type MetadataKmsSettings, settleKms, type VaultKmsSettings } from '../../../lib/schema/kms';
import type { RbdParameters } from '../../../lib/schema/rbd-parameters';
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

const derivation = fc.oneof(
  fc.record({ pbkdf: fc.constant('pbkdf2' as const), pbkdfIterations: fc.integer({ min: 1000, max: 1_000_000 }) }),
  fc.record({
    pbkdf: fc.constant('argon2id' as const),
    pbkdfIterations: fc.integer({ min: 4, max: 20 }),
    pbkdfMemoryKiB: fc.integer({ min: 32, max: 1_048_576 }),
  }),
);
const plainCipher = fc.constantFrom('aes-xts-plain64' as const, 'serpent-xts-plain64' as const);
const randomCipher = fc.constantFrom('aes-xts-random' as const, 'serpent-xts-random' as const);
const luks = fc
  .tuple(
    fc.record({
      keySizeBits: fc.constantFrom(256 as const, 512 as const),
      sectorSizeBytes: fc.constantFrom(512 as const, 1024 as const, 2048 as const, 4096 as const),
    }),
    derivation,
    fc.oneof(
      fc.record({
        cipher: fc.oneof(plainCipher, randomCipher),
        integrity: fc.constantFrom('hmac-sha256' as const, 'hmac-sha512' as const),
      }),
      fc.tuple(plainCipher, maybe('discards', fc.boolean())).map(([cipher, rest]) => ({ cipher, ...rest })),
    ),
    maybe('noReadWorkqueue', fc.boolean()),
    maybe('noWriteWorkqueue', fc.boolean()),
  )
  .map(([sizes, derived, sectors, reads, writes]) => ({ ...sizes, ...derived, ...sectors, ...reads, ...writes }));

const features = fc
  .subarray(['layering', 'exclusive-lock', 'object-map', 'fast-diff', 'deep-flatten'] as const, { minLength: 1 })
  .filter((it) => !it.includes('object-map') || it.includes('exclusive-lock'))
  .filter((it) => !it.includes('fast-diff') || it.includes('object-map'));
const striping = fc
  .record({
    unit: fc.integer({ min: 9, max: 25 }),
    stripeCount: fc.integer({ min: 1, max: 64 }),
    above: fc.option(fc.nat(25), { nil: undefined }),
  })
  .map(({ unit, stripeCount, above }) => ({
    stripeUnit: 2 ** unit,
    stripeCount,
    ...(above !== undefined && { objectSize: 2 ** Math.max(12, Math.min(25, unit + above)) }),
  }));

export const rbdParameters: fc.Arbitrary<RbdParameters> = fc
  .tuple(
    fc.record({ clusterId: dnsName, pool: dnsName }),
    maybe('dataPool', dnsName),
    maybe('radosNamespace', dnsName),
    maybe('volumeNamePrefix', dnsName),
    maybe('imageFeatures', features),
    maybe('imageFormat', fc.constant('2' as const)),
    maybe('mounter', fc.constantFrom('rbd' as const, 'rbd-nbd' as const)),
    maybe('tryOtherMounters', fc.boolean()),
    maybe('mapOptions', dnsName),
    maybe('unmapOptions', dnsName),
    fc.oneof(fc.constant({}), striping),
  )
  .map((parts) => Object.assign({}, ...parts) as RbdParameters);

export const volumeParameters = fc
  .tuple(
    word.filter((id) => id !== 'default'),
    luks,
    maybe('mkfsOptions', fc.string()),
    maybe('owner', dnsName),
    maybe('pvcName', dnsName),
    maybe('pvName', dnsName),
    maybe('className', dnsName),
  )
  .map(([kmsId, it, mkfs, owner, pvc, pv, className]) => ({
    ...settleVolume({ kmsId, luks: it, ...mkfs }, 'any'),
    ...owner,
    ...pvc,
    ...pv,
    ...className,
  }));

const absolute = file.filter((it) => !it.split('/').some((part) => part === '.' || part === '..'));
const loopBackend = fc
  .tuple(absolute, maybe('capacityBytes', fc.integer({ min: 1 })))
  .map(([directory, rest]) => ({ type: 'loop' as const, directory, ...rest }));
const ordered = (max: number) =>
  fc
    .tuple(fc.integer({ min: 1, max }), fc.integer({ min: 1, max }))
    .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
const rbdBackend = fc
  .record({
    clustersFile: absolute,
    instanceId: fc.stringMatching(/^[-._a-zA-Z0-9]{1,20}$/),
    setMetadata: fc.boolean(),
    name: maybe('clusterName', dnsName),
    credentials: maybe(
      'credentials',
      fc.uniqueArray(fc.record({ clusterId: dnsName, secret: fc.record({ namespace: dnsName, name: dnsName }) }), {
        selector: ({ clusterId }) => clusterId,
        maxLength: 3,
      }),
    ),
    pools: maybe('pools', fc.array(fc.record({ clusterId: dnsName, pool: dnsName }), { maxLength: 3 })),
    depths: ordered(15),
    snapshots: ordered(510),
    mapTimeoutSeconds: fc.integer({ min: 1, max: 3600 }),
  })
  .map(({ name, credentials, pools, depths, snapshots, ...rest }) => ({
    type: 'rbd' as const,
    ...rest,
    ...name,
    ...credentials,
    ...pools,
    flatten: {
      softDepth: depths[0],
      hardDepth: depths[1],
      snapshotsToFlatten: snapshots[0],
      snapshotsAtMost: snapshots[1],
    },
  }));

export const runtimeConfig = fc
  .record({
    driverName: fc.stringMatching(/^[a-z]([-a-z0-9.]{0,20}[a-z])?$/),
    backend: fc.oneof(loopBackend, rbdBackend),
    cryptsetup: fc.record({
      parallel: fc.integer({ min: 1, max: 64 }),
      timeoutSeconds: fc.integer({ min: 1, max: 3600 }),
    }),
    log: fc.record({ level: fc.constantFrom('debug' as const, 'info' as const, 'warn' as const, 'error' as const) }),
  })
  .map(settleRuntimeConfig);
