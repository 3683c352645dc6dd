/** KMS type `kmip` against the conformance suite on a real PyKMIP with TLS client certificates, in both its ways. */
import { mkdirSync } from 'node:fs';
import { settleKms } from '../../../lib/schema/kms';
import { kmipProvider } from '../../../runtime/kms/kmip/provider';
import { Kms } from '../../../runtime/kms/kms';
import type { WrapsKeys } from '../../../runtime/kms/provider';
import { Secret } from '../../../runtime/secret';
import vector from '../../fixtures/kms/kmip.json';
import { type Certificate, createCertificateAuthority } from '../../harness/certificates';
import { describeWith } from '../../harness/describe-with';
import { type PyKmip, startPyKmip } from '../../harness/pykmip';
import { describeKmsProvider, type KmsHarness } from './kms-conformance';
import { MemoryStore } from './memory-store';
import { type MountedFixture, mountedFixture } from './mounted';

jest.setTimeout(180_000);

const none = { secrets: new Map<string, Secret>() };
const ref = { volumeId: 'pvc-1', owner: 'shop' };

describeWith(['pykmip', 'openssl'], 'on PyKMIP', () => {
  let server: PyKmip;
  let mounted: MountedFixture;
  let node: Certificate;
  let intruder: Certificate;
  let keyId: string;

  beforeAll(async () => {
    mounted = mountedFixture();
    server = await startPyKmip();
    node = await server.client('csi-node');
    intruder = await server.client('intruder');
    keyId = await server.createKey(node);
  });
  afterAll(async () => {
    await server?.stop();
    mounted?.remove();
  });

  const credentials = (uniqueIdentifier = keyId, client = node) => ({
    CA_CERT: server.ca.caPem,
    CLIENT_CERT: client.certificatePem,
    CLIENT_KEY: client.keyPem,
    UNIQUE_IDENTIFIER: uniqueIdentifier,
  });
  let count = 0;
  const provider = (data: Readonly<Record<string, string>>, props: object = {}): WrapsKeys => {
    const secretName = `kmip-${++count}`;
    mounted.mount('keyward', secretName, data);
    const settings = settleKms('under-test', { type: 'kmip', endpoint: server.endpoint, secretName, ...props });
    return kmipProvider(settings, mounted);
  };

  const harness = async (useCryptoRpc: boolean): Promise<KmsHarness> => {
    const make =
      (data: Readonly<Record<string, string>>, props: object = {}) =>
      () =>
        provider(data, { useCryptoRpc, ...props });
    const foreignCa = await createCertificateAuthority(folderOf(server));
    const stranger = await foreignCa.issueClient('csi-node');
    const revoked = await server.createKey(node);
    await server.revokeKey(node, revoked);
    const { CLIENT_KEY, ...withoutKey } = credentials();
    return {
      makeProvider: make(credentials()),
      context: () => none,
      faults: [
        { name: 'no such key', code: 'KMS_KEY_NOT_FOUND', makeProvider: make(credentials('987654')) },
        { name: "another client's key", code: 'KMS_DENIED', makeProvider: make(credentials(keyId, intruder)) },
        // PyKMIP gives a revoked key away to its owner, as the specification allows: then it is another key.
        {
          name: 'a revoked key',
          code: useCryptoRpc ? 'KMS_DENIED' : 'KMS_CIPHERTEXT_INVALID',
          makeProvider: make(credentials(revoked)),
        },
        {
          name: 'another CA',
          code: 'KMS_TLS_UNTRUSTED',
          makeProvider: make({ ...credentials(), CA_CERT: foreignCa.caPem }),
        },
        {
          name: 'another server name',
          code: 'KMS_TLS_UNTRUSTED',
          makeProvider: make(credentials(), { serverName: 'kmip.example.com' }),
        },
        { name: 'a client of another CA', code: 'KMS_DENIED', makeProvider: make(credentials(keyId, stranger)) },
        { name: 'no client key', code: 'SECRET_MISSING', makeProvider: make(withoutKey) },
        {
          name: "another certificate's key",
          code: 'CONFIG_INVALID',
          makeProvider: make({ ...credentials(), CLIENT_KEY: intruder.keyPem }),
        },
        {
          name: 'a CA that is none',
          code: 'CONFIG_INVALID',
          makeProvider: make({ ...credentials(), CA_CERT: 'no PEM' }),
        },
        { name: 'one key more', code: 'CONFIG_INVALID', makeProvider: make({ ...credentials(), 'tls.crt': 'x' }) },
        {
          name: 'an identifier with a line break',
          code: 'CONFIG_INVALID',
          makeProvider: make(credentials(`${keyId}\n`)),
        },
        { name: 'no Secret', code: 'SECRET_MISSING', makeProvider: make(credentials(), { secretName: 'absent' }) },
      ].filter(({ name }) => useCryptoRpc || name !== 'a revoked key'),
    };
  };

  const traits = { family: 'wraps', isAtomic: true, bindsVolume: false } as const;
  describeKmsProvider('kmip (the server encrypts)', traits, () => harness(true));
  describeKmsProvider('kmip (the driver encrypts with the fetched key)', traits, () => harness(false));

  describe('kmip', () => {
    test('expects another name in the certificate when told so', async () => {
      const kms = new Kms({ kmsId: 'k' }, provider(credentials(), { serverName: 'kmip.test' }));
      await expect(kms.ensure(ref, none, new MemoryStore())).resolves.toBeDefined();
    });

    test('takes a change of the Secret at the next call', async () => {
      const store = new MemoryStore();
      const kms = new Kms({ kmsId: 'k' }, provider(credentials('987654'), { secretName: 'late' }));
      mounted.mount('keyward', 'late', credentials('987654'));
      await expect(kms.ensure(ref, none, store)).toRejectWithCode('KMS_KEY_NOT_FOUND');
      mounted.mount('keyward', 'late', credentials());
      await expect(kms.ensure(ref, none, store)).resolves.toBeDefined();
    });

    test.each([
      ['true', true, vector.cryptoRpc],
      ['false', false, vector.remoteKey],
    ])('unwraps the vector of ceph-csi with USE_CRYPTO_RPC %s', async (_, useCryptoRpc, { wrapped }) => {
      const uniqueIdentifier = await server.createKey(node, vector.keyHex);
      const kms = new Kms({ kmsId: 'k' }, provider(credentials(uniqueIdentifier), { useCryptoRpc }));
      const { dek } = await kms.fetch(ref, none, new MemoryStore(wrapped));
      expect(dek.equals(Secret.fromText(vector.dek))).toBe(true);
    });

    test('tells a text that was wrapped in the other way', async () => {
      const uniqueIdentifier = await server.createKey(node, vector.keyHex);
      for (const [useCryptoRpc, { wrapped }] of [
        [false, vector.cryptoRpc],
        [true, vector.remoteKey],
      ] as const) {
        const kms = new Kms({ kmsId: 'k' }, provider(credentials(uniqueIdentifier), { useCryptoRpc }));
        const error = await kms.fetch(ref, none, new MemoryStore(wrapped)).catch((reason: unknown) => reason);
        expect(error).toMatchObject({
          code: 'KMS_CIPHERTEXT_INVALID',
          message: expect.stringContaining('USE_CRYPTO_RPC'),
        });
      }
    });

    test('tells a changed ciphertext, although CBC does not', async () => {
      const kms = new Kms({ kmsId: 'k' }, provider(credentials()));
      const store = new MemoryStore();
      await kms.ensure(ref, none, store);
      const { dek, nonce } = JSON.parse(store.wrapped ?? '');
      const changes = [
        ['dek', dek, 0],
        ['dek', dek, 17],
        ['dek', dek, 47],
      ] as const;
      for (const [member, text, at] of changes) {
        const bytes = Buffer.from(text, 'base64');
        bytes[at] = (bytes[at] ?? 0) ^ 0x80;
        const damaged = JSON.stringify(Object.assign({ dek, nonce }, { [member]: bytes.toString('base64') }));
        await expect(kms.fetch(ref, none, new MemoryStore(damaged))).toRejectWithCode('KMS_CIPHERTEXT_INVALID');
      }
    });

    test('opens one fresh connection for each operation', async () => {
      const kms = new Kms({ kmsId: 'k' }, provider(credentials()));
      const before = server.connections;
      await kms.ensure(ref, none, new MemoryStore());
      expect(server.connections - before).toBe(2);
    });
  });
});

/** A CA needs a folder for its files; that of the server is removed with it. */
function folderOf({ ca }: PyKmip): string {
  const folder = `${ca.caFile}-foreign-${++folders}`;
  mkdirSync(folder);
  return folder;
}
let folders = 0;
