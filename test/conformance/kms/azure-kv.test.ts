/** KMS type `azure-kv` against the conformance suite, on a declared fake at the HTTP leaf (test/harness/azure-fake.ts). */
import { execFileSync } from 'node:child_process';
import { settleKms } from '../../../lib/schema/kms';
import { azureKvProvider } from '../../../runtime/kms/azure/provider';
import { Kms } from '../../../runtime/kms/kms';
import type { StoresKeys } from '../../../runtime/kms/provider';
import type { Secret } from '../../../runtime/secret';
import vector from '../../fixtures/kms/azure-kv.json';
import { type AzureFake, startAzureFake } from '../../harness/azure-fake';
import { describeWith } from '../../harness/describe-with';
import { describeKmsProvider, type KmsHarness } from './kms-conformance';
import { MemoryStore } from './memory-store';
import { type MountedFixture, mountedFixture } from './mounted';

jest.setTimeout(120_000);

const none = { secrets: new Map<string, Secret>() };
const ref = { volumeId: 'pvc-1', owner: 'shop' };
const unused = new MemoryStore();

describeWith(['openssl'], 'on a fake of Azure', () => {
  let fake: AzureFake;
  let mounted: MountedFixture;
  let pem: string;
  let foreignPem: string;

  beforeAll(async () => {
    mounted = mountedFixture();
    fake = await startAzureFake();
    [pem, foreignPem] = [selfSigned('rsa:2048'), selfSigned('rsa:2048')];
    fake.certificates.push(pem);
  });
  afterAll(async () => {
    await fake?.stop();
    mounted?.remove();
  });

  let count = 0;
  const provider = (data: Readonly<Record<string, string>>, props: object = {}): StoresKeys => {
    const secretName = `azure-${++count}`;
    mounted.mount('keyward', secretName, data);
    const settings = {
      type: 'azure-kv',
      vaultUrl: fake.address,
      clientId: fake.clientId,
      tenantId: fake.tenantId,
      authorityHost: fake.address,
      secretName,
      ...props,
    } as const;
    return azureKvProvider(settleKms('under-test', settings), mounted);
  };
  const open = (attempts = 5) => new Kms({ kmsId: 'k', attempts }, provider({ CLIENT_CERT: pem }));

  const traits = { family: 'stores', isAtomic: false, takesAnyId: false } as const;
  describeKmsProvider(
    'azure-kv',
    traits,
    async (): Promise<KmsHarness> => ({
      makeProvider: () => provider({ CLIENT_CERT: pem }),
      context: () => none,
      faults: [
        { name: 'another certificate', code: 'KMS_DENIED', makeProvider: () => provider({ CLIENT_CERT: foreignPem }) },
        {
          name: 'another application',
          code: 'KMS_DENIED',
          makeProvider: () => provider({ CLIENT_CERT: pem }, { clientId: '00000000-0000-0000-0000-000000000000' }),
        },
        {
          name: 'another directory',
          code: 'KMS_DENIED',
          makeProvider: () => provider({ CLIENT_CERT: pem }, { tenantId: '00000000-0000-0000-0000-000000000000' }),
        },
        {
          name: 'an elliptic key, which Entra does not take',
          code: 'CONFIG_INVALID',
          makeProvider: () => provider({ CLIENT_CERT: selfSigned('ec') }),
        },
        {
          name: 'no private key',
          code: 'CONFIG_INVALID',
          makeProvider: () => provider({ CLIENT_CERT: pem.replace(/-----BEGIN PRIVATE[\s\S]+?KEY-----\n/, '') }),
        },
        {
          name: 'one key more',
          code: 'CONFIG_INVALID',
          makeProvider: () => provider({ CLIENT_CERT: pem, 'tls.key': 'x' }),
        },
        { name: 'no certificate', code: 'SECRET_MISSING', makeProvider: () => provider({}) },
        { name: 'no Secret', code: 'SECRET_MISSING', makeProvider: () => provider({}, { secretName: 'absent' }) },
      ],
    }),
  );

  describe('azure-kv', () => {
    test('the secret is named by the volume id and holds the key as it is, as ceph-csi writes it', async () => {
      const { dek, version } = await open().ensure(ref, none, unused);
      const newest = fake.secrets.get('pvc-1')?.at(-1);
      expect(newest).toEqual({ value: dek.use((bytes) => bytes.toString()), version });
    });

    test('reads the newest version of what ceph-csi wrote', async () => {
      const versions = [
        { value: 'old', version: '1' },
        { value: vector.value, version: '2' },
      ];
      (fake.secrets as Map<string, typeof versions>).set(vector.name, versions);
      const { dek } = await open().fetch({ volumeId: vector.name, owner: '' }, none, unused);
      expect(dek.use((bytes) => bytes.toString())).toBe(vector.dek);
    });

    test('deletes so that it stays recoverable, and needs no key for that (R14, R17)', async () => {
      const at = { volumeId: 'pvc-deleted', owner: '' };
      await open().ensure(at, none, unused);
      await open().remove(at, none);
      expect([fake.secrets.has('pvc-deleted'), fake.deleted.has('pvc-deleted')]).toEqual([false, true]);
    });

    test('one login serves many calls (R9)', async () => {
      const kms = open();
      const before = fake.logins;
      await kms.ensure(ref, none, unused);
      await Promise.all(Array.from({ length: 50 }, () => kms.fetch(ref, none, unused)));
      expect(fake.logins - before).toBe(1);
    });

    test('a token that is refused is replaced at once', async () => {
      const kms = open();
      await kms.ensure(ref, none, unused);
      fake.revokeTokens();
      await expect(kms.fetch(ref, none, unused)).resolves.toBeDefined();
    });

    test.each([
      ['throttling', 429, { error: { code: 'Throttled', message: '' } }, 'KMS_THROTTLED'],
      ['an outage', 503, 'upstream connect error', 'KMS_UNREACHABLE'],
      [
        'a disabled secret',
        403,
        { error: { code: 'Forbidden', innererror: { code: 'SecretDisabled' } } },
        'KMS_DENIED',
      ],
      ['no right', 403, { error: { code: 'Forbidden', innererror: { code: 'AccessDenied' } } }, 'KMS_DENIED'],
      ['a page of a proxy instead of the vault', 404, '<html>not found</html>', 'CONFIG_INVALID'],
      ['an answer that is none', 200, '<html>hello</html>', 'KMS_ANSWER_INVALID'],
      ['an answer without a value', 200, { id: 'x' }, 'KMS_ANSWER_INVALID'],
      ['an oversized answer', 200, 'x'.repeat(1024 * 1024 + 1), 'KMS_ANSWER_INVALID'],
      [
        'a secret that is being deleted',
        409,
        { error: { innererror: { code: 'ObjectIsBeingDeleted' } } },
        'KMS_UNREACHABLE',
      ],
    ])('tells %s', async (_, status, body, code) => {
      fake.failNext(1, status, body);
      await expect(open(1).fetch(ref, none, unused)).toRejectWithCode(code);
    });

    test('waits as the server wishes, and goes on', async () => {
      const kms = open();
      await kms.ensure(ref, none, unused);
      fake.failNext(1, 429, { error: { code: 'Throttled' } }, { 'retry-after': '1' });
      const before = performance.now();
      await kms.fetch(ref, none, unused);
      expect(performance.now() - before).toBeGreaterThan(950);
    });
  });
});

/** Certificate and key in one PEM text. */
function selfSigned(kind: 'rsa:2048' | 'ec'): string {
  const options = kind === 'ec' ? ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] : ['-newkey', kind];
  const args = [
    'req',
    '-x509',
    ...options,
    '-nodes',
    '-subj',
    '/CN=keyward',
    '-days',
    '2',
    '-keyout',
    '-',
    '-out',
    '-',
  ];
  return execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}
