/**
 * 100,000 generated configurations, ConfigMaps of tenants, answers of a KMS and wrapped keys, from a fixed seed: nothing
 * crashes or hangs, nothing that makes no sense is accepted, and no error tells a secret.
 */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import {
  decodeKmsSection,
  type KmsType,
  kmsSecretSources,
  kmsSettingsFor,
  kmsTypes,
  settleKms,
  type VaultTokensKmsSettings,
} from '../../../lib/schema/kms';
import { objectName } from '../../../lib/schema/names';
import { SchemaError } from '../../../lib/schema/schema-error';
import { CodedError } from '../../../runtime/errors';
import { Kms } from '../../../runtime/kms/kms';
import { open, seal } from '../../../runtime/kms/metadata/envelope';
import { vaultTokensProvider } from '../../../runtime/kms/vault-tokens/provider';
import { Secret } from '../../../runtime/secret';
import { MemoryStore } from '../../conformance/kms/memory-store';
import { metadataSettings, vaultSettings } from '../schema/arbitraries';
import { tenantSettings } from '../schema/tenant-arbitraries';
import { serve } from '../vault/local-server';

jest.setTimeout(120_000);

const seed = 20_261_122;
const canary = 'canary-7f3a91c2';
const types = Object.keys(kmsTypes) as KmsType[];

/** Things that people paste, tools write and attackers try. */
const oddText = fc.oneof(
  fc.constantFrom(
    ...['', ' ', 'true', 'True', '1', '..', '../x', '/v1/', '/v1/auth/a/login', 'https://h', 'http://h:1/x', 'a\r\nb'],
    ...[
      '\u0000',
      'ü',
      'kv',
      'kv-v2',
      '{}',
      '[]',
      'null',
      '__proto__',
      'default',
      '%2e%2e',
      'a?b#c',
      canary,
      '-1',
      '1e9',
    ],
  ),
  fc.string({ maxLength: 20 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom(60, 254, 3_000).map((length) => 'x'.repeat(length)),
);
const oddValue = fc.oneof(
  { weight: 4, arbitrary: oddText },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
  { weight: 1, arbitrary: fc.dictionary(oddText, fc.dictionary(oddText, oddText, { maxKeys: 2 }), { maxKeys: 2 }) },
);
const knownKeys = [
  ...new Set(types.flatMap((type) => Object.keys(kmsTypes[type].options))),
  ...['KMS_PROVIDER', 'VAULT_ADDR', 'VAULT_SKIP_VERIFY', 'encryptionKMSType', 'tenants', '__proto__', 'constructor'],
];
const oddKey = fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...knownKeys) }, { weight: 1, arbitrary: oddText });

const valid = fc
  .oneof(tenantSettings, vaultSettings, metadataSettings)
  .map((settings) => ({ ...kmsTypes[settings.type].section.encode(settings as never) }) as Record<string, unknown>);
/** Drawn once: making valid settings costs more than all that is done with them. */
const bases = fc.sample(valid, { seed, numRuns: 400 });
const tenantBases = fc.sample(tenantSettings, { seed, numRuns: 200 });
const section = fc
  .tuple(
    fc.oneof(
      fc.constantFrom(...bases),
      fc.constantFrom(...types).map((encryptionKMSType): Record<string, unknown> => ({ encryptionKMSType })),
    ),
    fc.array(fc.tuple(oddKey, oddValue), { maxLength: 3 }),
    fc.array(oddKey, { maxLength: 1 }),
  )
  .map(([base, changes, removals]) => {
    const changed = { ...base, ...Object.fromEntries(changes) };
    for (const key of removals) delete changed[key];
    return changed;
  });

const leaves = (value: unknown): string[] => {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(leaves) : [];
};
const isNonsense = (text: string) => /[\p{Cc}]|(^|\/)\.\.(\/|$)/u.test(text);
/** As `expect`, which costs more than all that is under test. */
function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`${what}, against expectation`);
}
const isTenantType = (type: string): boolean => type === 'vaulttokens' || type === 'vaulttenantsa';
/** What is decided, or the SchemaError; anything else that is thrown is a crash. */
function decided<T>(decide: () => T): T | undefined {
  try {
    return decide();
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    must(error.issues.length > 0, 'an error without issues');
    for (const { remedy, got = '' } of error.issues)
      must(remedy !== '' && !got.includes(canary), 'no remedy, or a secret');
    return undefined;
  }
}

describe('fuzz', () => {
  test('25,000 sections: refused with a remedy, or settings that survive a round trip and name possible objects', () => {
    let accepted = 0;
    fc.assert(
      fc.property(section, (given) => {
        const settings = decided(() => decodeKmsSection('k', given));
        if (!settings) return;
        accepted += 1;
        const again = kmsTypes[settings.type].section.encode(settings as never);
        must(isDeepStrictEqual(decodeKmsSection('k', JSON.parse(JSON.stringify(again))), settings), 'other settings');
        must(Object.isFrozen(settings), 'not frozen');
        for (const source of kmsSecretSources(settings)) {
          if ('name' in source) must(objectName.safeParse(source.name).success, 'an impossible name');
        }
        // What goes into a path or a header of Vault.
        if (isTenantType(settings.type)) {
          const { tenants: _, ...own } = settings as VaultTokensKmsSettings;
          must(!leaves(own).some(isNonsense), 'nonsense');
        }
      }),
      { seed, numRuns: 25_000 },
    );
    expect(accepted).toBeGreaterThan(2_500);
    expect(accepted).toBeLessThan(22_500);
  });

  test('45,000 ConfigMaps of tenants: refused, or without effect on what is not the tenant’s to say', () => {
    let accepted = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...tenantBases),
        fc.dictionary(oddKey, oddText, { maxKeys: 4 }),
        (settings, config) => {
          const effective = decided(() => kmsSettingsFor(settings, 'shop', config));
          if (!effective) return;
          accepted += 1;
          must(!leaves({ ...effective, tenants: {} }).some(isNonsense), 'nonsense');
          must(/^https?:\/\/[^@\s]+$/.test(effective.address), 'an odd address');
          const isDeclared = settings.overrides === 'documented' && Object.hasOwn(settings.tenants, 'shop');
          for (const name of ['type', 'tenantPrefix', 'overrides', 'tenantTokenName', 'audience'] as const) {
            must(Reflect.get(effective, name) === Reflect.get(settings, name), `another ${name}`);
          }
          must(isDeclared || effective.tenantConfigName === settings.tenantConfigName, 'another ConfigMap');
          must(effective.tls.clientCertFromSecret === settings.tls.clientCertFromSecret, 'another client certificate');
          const isCaFree = settings.overrides === 'documented';
          must(isCaFree || effective.tls.caFromSecret === settings.tls.caFromSecret, 'another CA');
          must(settings.overrides !== 'none' || effective === settings, 'an override in the mode "none"');
          must(settings.deletion !== 'keep' || effective.deletion === 'keep', 'a key that is not kept');
        },
      ),
      { seed, numRuns: 45_000 },
    );
    expect(accepted).toBeGreaterThan(2_500);
  });

  test('15,000 answers of a KMS: the key that is in the right place, or a code; nothing is repeated from an answer', async () => {
    let next = { status: 200, text: '' };
    await using server = await serve((_, response) => {
      response.writeHead(next.status, { 'content-type': 'application/json' });
      response.end(next.text);
    });
    const settings = settleKms('k', { type: 'vaulttokens', address: server.address, overrides: 'none' });
    const tenants = {
      secret: async () => Secret.fromText('a-token'),
      configMap: async () => undefined,
      serviceAccountToken: async () => undefined,
    };
    const kms = new Kms({ kmsId: 'k', attempts: 1 }, vaultTokensProvider(settings, { tenants }));
    const passphrase = fc.oneof(fc.constant(canary), oddValue);
    const body = fc.oneof(
      {
        weight: 3,
        arbitrary: fc
          .tuple(passphrase, oddVersion)
          .map(([it, version]) => entry({ data: { passphrase: it } }, version)),
      },
      { weight: 1, arbitrary: passphrase.map((it) => entry({ passphrase: it }, 1)) },
      { weight: 1, arbitrary: oddText.map((it) => ({ errors: [it], data: null })) },
      { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
    );
    const answers = fc.tuple(
      fc.oneof(
        { weight: 3, arbitrary: fc.constant(200) },
        { weight: 1, arbitrary: fc.constantFrom(204, 400, 403, 404, 405, 412, 429, 472, 500, 502, 503) },
      ),
      fc.oneof(
        { weight: 4, arbitrary: body.map((it) => JSON.stringify(it) ?? '') },
        {
          weight: 1,
          arbitrary: fc.tuple(body, fc.nat(60)).map(([it, cut]) => (JSON.stringify(it) ?? '').slice(0, -cut - 1)),
        },
      ),
    );
    const ref = { volumeId: 'pvc-1', owner: 'shop' };
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(answers, async ([status, text]) => {
        next = { status, text };
        const result = await kms.fetch(ref, { secrets: new Map() }, new MemoryStore()).catch((error: unknown) => error);
        const expected = status === 200 ? keyIn(text) : undefined;
        if (result instanceof CodedError) {
          must(result.code !== 'INTERNAL', 'INTERNAL');
          must(expected === undefined, 'a key that was not found');
          if (status === 200 || status === 404) must(!result.summary.includes(canary), 'a key in an error');
        } else {
          accepted += 1;
          const { dek } = result as { dek: Secret };
          must(dek.use((bytes) => bytes.toString('utf8')) === expected, 'another key');
        }
      }),
      { seed, numRuns: 15_000 },
    );
    await kms.close();
    expect(accepted).toBeGreaterThan(500);
  });

  test('15,000 wrapped keys: the key that was wrapped, or KMS_CIPHERTEXT_INVALID', () => {
    const key = Secret.take(Buffer.alloc(32, 7));
    const dek = Secret.fromText(canary);
    const whole = seal(dek, key, Buffer.alloc(12, 3));
    const damaged = fc.oneof(
      fc.constant(whole),
      fc.nat(whole.length).map((at) => whole.slice(0, at)),
      fc
        .tuple(fc.nat(whole.length - 1), fc.integer({ min: 32, max: 126 }))
        .map(([at, code]) => whole.slice(0, at) + String.fromCharCode(code) + whole.slice(at + 1)),
      oddText,
      fc.jsonValue({ maxDepth: 2 }).map((it) => JSON.stringify(it) ?? ''),
      fc.tuple(fc.base64String(), fc.base64String()).map(([a, b]) => JSON.stringify({ dek: a, nonce: b })),
    );
    fc.assert(
      fc.property(damaged, (text) => {
        try {
          must(open(text, key).equals(dek), 'another key');
        } catch (error) {
          must(error instanceof CodedError && error.code === 'KMS_CIPHERTEXT_INVALID', String(error));
          must(!String(error).includes(canary), 'a key in an error');
        }
      }),
      { seed, numRuns: 15_000 },
    );
  });
});

const oddVersion = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 5 }) },
  { weight: 1, arbitrary: oddValue },
);

function entry(data: object, version: unknown): object {
  return { data: { data, metadata: { version } } };
}

/** What an entry in ceph-csi's layout holds: told without the schemas that are under test. */
function keyIn(text: string): string | undefined {
  try {
    const { data: inner, metadata } = JSON.parse(text).data;
    const { passphrase } = inner.data;
    const isVersion = Number.isSafeInteger(metadata.version) && metadata.version > 0;
    const isKey = typeof passphrase === 'string' && passphrase !== '' && Buffer.byteLength(passphrase) <= 1024;
    return isVersion && isKey ? passphrase : undefined;
  } catch {
    return undefined;
  }
}
