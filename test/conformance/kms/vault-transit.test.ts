/** KMS type `vaulttransit` against the conformance suite on a real OpenBao with TLS, and what rotating the KEK does. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { settleKms, type VaultTransitKmsProps } from '../../../lib/schema/kms';
import { Kms } from '../../../runtime/kms/kms';
import { vaultTransitProvider } from '../../../runtime/kms/vault-transit/provider';
import type { Secret } from '../../../runtime/secret';
import { createCertificateAuthority } from '../../harness/certificates';
import { describeWith } from '../../harness/describe-with';
import { describeKmsProvider, type KmsHarness } from './kms-conformance';
import { MemoryStore } from './memory-store';
import { startVaultFixture, type VaultFixture } from './vault-fixture';

jest.setTimeout(120_000);

const none = { secrets: new Map<string, Secret>() };
const ref = { volumeId: 'pvc-1', owner: 'shop' };

describeWith(['openbao', 'openssl'], 'transit on OpenBao', () => {
  let fixture: VaultFixture;
  let tokenFile: string;

  beforeAll(async () => {
    fixture = await startVaultFixture({ tls: true });
    const { bao } = fixture;
    await bao.expectOk('PUT', 'sys/namespaces/team-a', {});
    for (const at of [{}, { namespace: 'team-a' }]) {
      await bao.expectOk('POST', 'sys/mounts/keys/volumes', { type: 'transit' }, at);
      await bao.expectOk('POST', 'keys/volumes/keys/kek', {}, at);
    }
    await bao.expectOk('POST', 'keys/volumes/keys/derived', { derived: true });
    await bao.expectOk('POST', 'keys/volumes/keys/rsa', { type: 'rsa-2048' });
    tokenFile = await token('transit', ['encrypt', 'decrypt'], ['kek', 'derived', 'rsa', 'absent']);
  });
  afterAll(() => fixture?.stop());

  /** A token that may do these with these keys, and nothing else. */
  async function token(
    name: string,
    verbs: readonly string[],
    keys: readonly string[],
    namespace?: string,
  ): Promise<string> {
    const at = namespace === undefined ? {} : { namespace };
    const rules = keys.flatMap((key) =>
      verbs.map((verb) => `path "keys/volumes/${verb}/${key}" { capabilities = ["create", "update"] }`),
    );
    await fixture.bao.expectOk('PUT', `sys/policies/acl/${name}`, { policy: rules.join('\n') }, at);
    const { body } = await fixture.bao.expectOk('POST', 'auth/token/create', { policies: [name], ttl: '1h' }, at);
    const file = join(fixture.folder, `${name}.token`);
    writeFileSync(file, body.auth.client_token);
    return file;
  }

  const provider = (props: Partial<VaultTransitKmsProps> = {}) =>
    vaultTransitProvider(
      settleKms('under-test', {
        type: 'vaulttransit',
        address: fixture.bao.address,
        transitPath: 'keys/volumes',
        keyName: 'kek',
        auth: { method: 'token', tokenFile },
        tls: { caFile: fixture.caFile },
        ...props,
      }),
    );

  const traits = { family: 'wraps', isAtomic: true } as const;

  describeKmsProvider('vaulttransit', traits, async (): Promise<KmsHarness> => {
    const foreignCa = join(fixture.folder, 'foreign.pem');
    writeFileSync(foreignCa, (await createCertificateAuthority(fixture.folder)).caPem);
    const dead = join(fixture.folder, 'dead');
    writeFileSync(dead, 's.nosuchtokenatall');
    const narrow = await token('narrow', ['encrypt', 'decrypt'], ['another']);
    const auth = (file: string) => ({ auth: { method: 'token', tokenFile: file } }) as const;
    return {
      makeProvider: () => provider(),
      context: () => none,
      faults: [
        { name: 'dead token', code: 'KMS_DENIED', makeProvider: () => provider(auth(dead)) },
        { name: 'a token without the right', code: 'KMS_DENIED', makeProvider: () => provider(auth(narrow)) },
        { name: 'no token', code: 'CONFIG_UNREADABLE', makeProvider: () => provider(auth('/nowhere/token')) },
        { name: 'another CA', code: 'KMS_TLS_UNTRUSTED', makeProvider: () => provider({ tls: { caFile: foreignCa } }) },
      ],
    };
  });

  describeKmsProvider('vaulttransit (a derived key)', traits, async () => ({
    makeProvider: () => provider({ keyName: 'derived' }),
    context: () => none,
    faults: [],
  }));

  describeKmsProvider('vaulttransit (in a namespace)', traits, async () => {
    const file = await token('in-namespace', ['encrypt', 'decrypt'], ['kek'], 'team-a');
    return {
      makeProvider: () => provider({ namespace: 'team-a', auth: { method: 'token', tokenFile: file } }),
      context: () => none,
      faults: [],
    };
  });

  describe('vaulttransit', () => {
    test.each([
      ['a key that can do no authenticated encryption', 'rsa', 'CONFIG_INVALID'],
      ['a key that is not there, which it must not make', 'absent', 'KMS_DENIED'],
    ])('refuses %s', async (_, keyName, code) => {
      const file = await token('update-only', ['encrypt', 'decrypt'], ['rsa']);
      const policy = `path "keys/volumes/encrypt/*" { capabilities = ["update"] }`;
      await fixture.bao.expectOk('PUT', 'sys/policies/acl/update-only', { policy });
      const kms = new Kms({ kmsId: 'k' }, provider({ keyName, auth: { method: 'token', tokenFile: file } }));
      await expect(kms.ensure(ref, none, new MemoryStore())).toRejectWithCode(code);
    });

    test('the stored text is that of transit, with the version of the key; anybody with the key and the volume id reads it', async () => {
      const store = new MemoryStore();
      const { dek } = await new Kms({ kmsId: 'k' }, provider()).ensure(ref, none, store);
      expect(store.wrapped).toMatch(/^vault:v1:[A-Za-z0-9+/]+=*$/);
      const { body } = await fixture.bao.expectOk('POST', 'keys/volumes/decrypt/kek', {
        ciphertext: store.wrapped,
        associated_data: Buffer.from(ref.volumeId).toString('base64'),
      });
      expect(Buffer.from(body.data.plaintext, 'base64').toString()).toBe(dek.use((bytes) => bytes.toString()));
    });

    test('rotating the KEK: old keys open, rewrapping moves them to the new version, once (R2, R7)', async () => {
      await fixture.bao.expectOk('POST', 'keys/volumes/keys/rotated', {});
      const file = await token('rotator', ['encrypt', 'decrypt', 'keys'], ['rotated', 'rotated/rotate']);
      const kms = new Kms({ kmsId: 'k' }, provider({ keyName: 'rotated', auth: { method: 'token', tokenFile: file } }));
      const store = new MemoryStore();
      const { dek } = await kms.ensure(ref, none, store);
      expect(await kms.rewrap(ref, none, store)).toBe(false);

      expect(await kms.rotateKek(none)).toBe(true);
      expect((await kms.fetch(ref, none, store)).dek.equals(dek)).toBe(true);
      expect(await kms.rewrap(ref, none, store)).toBe(true);
      expect(store.wrapped).toMatch(/^vault:v2:/);
      expect(await kms.rewrap(ref, none, store)).toBe(false);
      expect((await kms.fetch(ref, none, store)).dek.equals(dek)).toBe(true);

      await fixture.bao.expectOk('POST', 'keys/volumes/keys/rotated/config', { min_decryption_version: 2 });
      expect((await kms.fetch(ref, none, store)).dek.equals(dek)).toBe(true);
    });

    test('tells a version that is switched off', async () => {
      await fixture.bao.expectOk('POST', 'keys/volumes/keys/aged', {});
      const file = await token('aged', ['encrypt', 'decrypt'], ['aged']);
      const kms = new Kms({ kmsId: 'k' }, provider({ keyName: 'aged', auth: { method: 'token', tokenFile: file } }));
      const store = new MemoryStore();
      await kms.ensure(ref, none, store);
      await fixture.bao.expectOk('POST', 'keys/volumes/keys/aged/rotate', {});
      await fixture.bao.expectOk('POST', 'keys/volumes/keys/aged/config', { min_decryption_version: 2 });
      await expect(kms.fetch(ref, none, store)).toRejectWithCode('KMS_DENIED');
    });
  });
});
