/** KMS type `ibmkeyprotect` against the conformance suite, on a declared fake at the HTTP leaf (test/harness/ibm-fake.ts). */
import { settleKms } from '../../../lib/schema/kms';
import { ibmKeyProtectProvider } from '../../../runtime/kms/ibm/provider';
import { Kms } from '../../../runtime/kms/kms';
import { newDek } from '../../../runtime/kms/limits';
import type { WrapsKeys } from '../../../runtime/kms/provider';
import { Secret } from '../../../runtime/secret';
import vector from '../../fixtures/kms/ibmkeyprotect.json';
import { type IbmFake, startIbmFake } from '../../harness/ibm-fake';
import { describeKmsProvider, type KmsHarness } from './kms-conformance';
import { MemoryStore } from './memory-store';
import { type MountedFixture, mountedFixture } from './mounted';

jest.setTimeout(120_000);

const none = { secrets: new Map<string, Secret>() };
const ref = { volumeId: 'pvc-1', owner: 'shop' };

describe('on a fake of IBM Cloud', () => {
  let fake: IbmFake;
  let mounted: MountedFixture;

  beforeAll(async () => {
    mounted = mountedFixture();
    fake = await startIbmFake();
  });
  afterAll(async () => {
    await fake?.stop();
    mounted?.remove();
  });

  const credentials = (changed: Readonly<Record<string, string>> = {}) => ({
    IBM_KP_SERVICE_API_KEY: fake.apiKey,
    IBM_KP_CUSTOMER_ROOT_KEY: fake.rootKeyId,
    ...changed,
  });
  let count = 0;
  const provider = (data: Readonly<Record<string, string>>, props: object = {}): WrapsKeys => {
    const secretName = `ibm-${++count}`;
    mounted.mount('keyward', secretName, data);
    const settings = {
      type: 'ibmkeyprotect',
      serviceInstanceId: fake.instanceId,
      baseUrl: fake.address,
      tokenUrl: fake.tokenUrl,
      secretName,
      ...props,
    } as const;
    return ibmKeyProtectProvider(settleKms('under-test', settings), mounted);
  };
  const open = (data = credentials(), attempts = 5) => new Kms({ kmsId: 'k', attempts }, provider(data));

  const traits = { family: 'wraps', isAtomic: true } as const;
  describeKmsProvider('ibmkeyprotect', traits, async (): Promise<KmsHarness> => {
    const make = (changed: Readonly<Record<string, string>>) => () => provider(credentials(changed));
    return {
      makeProvider: make({ IBM_KP_SESSION_TOKEN: 'taken and not used', IBM_KP_CRK_ARN: 'likewise' }),
      context: () => none,
      faults: [
        { name: 'a dead API key', code: 'KMS_DENIED', makeProvider: make({ IBM_KP_SERVICE_API_KEY: 'dead' }) },
        {
          name: 'another instance',
          code: 'KMS_DENIED',
          makeProvider: () => provider(credentials(), { serviceInstanceId: 'another' }),
        },
        {
          name: 'no such root key',
          code: 'KMS_KEY_NOT_FOUND',
          makeProvider: make({ IBM_KP_CUSTOMER_ROOT_KEY: 'none' }),
        },
        {
          name: 'a suspended root key',
          code: 'KMS_DENIED',
          makeProvider: make({ IBM_KP_CUSTOMER_ROOT_KEY: fake.addRootKey(2) }),
        },
        {
          name: 'a deleted root key',
          code: 'KMS_DENIED',
          makeProvider: make({ IBM_KP_CUSTOMER_ROOT_KEY: fake.addRootKey(5) }),
        },
        { name: 'a line break', code: 'CONFIG_INVALID', makeProvider: make({ IBM_KP_SERVICE_API_KEY: 'x\n' }) },
        { name: 'one key more', code: 'CONFIG_INVALID', makeProvider: make({ region: 'us-south' }) },
        {
          name: 'no root key',
          code: 'SECRET_MISSING',
          makeProvider: () => provider({ IBM_KP_SERVICE_API_KEY: fake.apiKey }),
        },
      ],
    };
  });

  describe('ibmkeyprotect', () => {
    test('unwraps the vector of ceph-csi, and what is wrapped anew unwraps to the same text', async () => {
      const rootKey = fake.addRootKey(1, Buffer.from(vector.rootKeyHex, 'hex'));
      const kms = open(credentials({ IBM_KP_CUSTOMER_ROOT_KEY: rootKey }));
      const { dek } = await kms.fetch({ volumeId: vector.volumeId, owner: '' }, none, new MemoryStore(vector.wrapped));
      expect(dek.use((bytes) => bytes.toString())).toBe(vector.dek);
    });

    test('keeps a key that ceph-csi cannot give to Key Protect', async () => {
      const [kms, store] = [open(), new MemoryStore()];
      const old = await kms.ensure(ref, none, store);
      const dek = Secret.fromText('-Pn6-_z9_v8AAQIDBAUGBwgJCgs=');
      await kms.replace(ref, dek, old, none, store);
      expect((await kms.fetch(ref, none, store)).dek.equals(dek)).toBe(true);
    });

    test('new keys are ones that ceph-csi can read back from Key Protect', () => {
      for (let each = 0; each < 500; each += 1) {
        const text = newDek().use((bytes) => bytes.toString());
        expect(Buffer.from(text, 'base64').toString('base64')).toBe(text);
      }
    });

    test('one login serves many calls (R9), and a token that is refused is replaced at once', async () => {
      const [kms, store] = [open(), new MemoryStore()];
      const before = fake.logins;
      await kms.ensure(ref, none, store);
      await Promise.all(Array.from({ length: 50 }, () => kms.fetch(ref, none, store)));
      expect(fake.logins - before).toBe(1);
      fake.revokeTokens();
      await expect(kms.fetch(ref, none, store)).resolves.toBeDefined();
      expect(fake.logins - before).toBe(2);
    });

    test.each([
      ['throttling', 429, {}, 'KMS_THROTTLED'],
      ['an outage', 500, 'internal error', 'KMS_UNREACHABLE'],
      ['a wrong address', 404, '<html></html>', 'CONFIG_INVALID'],
      ['an answer that is none', 200, 'hello', 'KMS_ANSWER_INVALID'],
      ['an answer that is not base64', 200, { plaintext: '!' }, 'KMS_CIPHERTEXT_INVALID'],
      ['an oversized answer', 200, 'x'.repeat(1024 * 1024 + 1), 'KMS_ANSWER_INVALID'],
    ])('tells %s', async (_, status, body, code) => {
      const store = new MemoryStore();
      await open().ensure(ref, none, store);
      fake.failNext(1, status, body);
      await expect(open(credentials(), 1).fetch(ref, none, store)).toRejectWithCode(code);
    });
  });
});
