/** KMS types `aws-metadata` and `aws-sts-metadata` against the conformance suite on a real moto, which checks signatures and policies. */
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { settleKms } from '../../../lib/schema/kms';
import { awsMetadataProvider, awsStsMetadataProvider } from '../../../runtime/kms/aws/provider';
import { Kms } from '../../../runtime/kms/kms';
import type { WrapsKeys } from '../../../runtime/kms/provider';
import type { Secret } from '../../../runtime/secret';
import { describeWith } from '../../harness/describe-with';
import { type AccessKey, type Moto, motoRegion, startMoto } from '../../harness/moto';
import { describeKmsProvider, type KmsHarness } from './kms-conformance';
import { MemoryStore } from './memory-store';
import { type MountedFixture, mountedFixture } from './mounted';

jest.setTimeout(180_000);

const none = { secrets: new Map<string, Secret>() };
const ref = { volumeId: 'pvc-1', owner: 'shop' };
const traits = { family: 'wraps', isAtomic: true, bindsVolume: false } as const;

describeWith(['moto'], 'on moto', () => {
  let server: Moto;
  /** Where signatures count moto takes no request without one, and to assume a role is such a request. */
  let open: Moto;
  let mounted: MountedFixture;
  let keyArn: string;
  let tenantArn: string;
  let user: AccessKey;
  let stranger: AccessKey;
  let roleArn: string;
  const tokenFile = join(tmpdir(), `keyward-oidc-${process.pid}`);

  beforeAll(async () => {
    mounted = mountedFixture();
    server = await startMoto();
    keyArn = await server.createKey();
    open = await startMoto();
    tenantArn = await open.createKey();
    const mayUseKeys = { Effect: 'Allow', Action: ['kms:Encrypt', 'kms:Decrypt'], Resource: '*' };
    user = await server.createUser('keyward', mayUseKeys);
    stranger = await server.createUser('stranger', { Effect: 'Allow', Action: 'kms:ListKeys', Resource: '*' });
    roleArn = await open.createRole('tenant', mayUseKeys);
    writeFileSync(tokenFile, 'header.payload.signature\n');
    await server.enforce();
  });
  afterAll(async () => {
    await server?.stop();
    await open?.stop();
    mounted?.remove();
  });

  const credentials = (changed: Readonly<Record<string, string>> = {}) => ({
    AWS_ACCESS_KEY_ID: user.accessKeyId,
    AWS_SECRET_ACCESS_KEY: user.secretAccessKey,
    AWS_CMK_ARN: keyArn,
    ...changed,
  });
  let count = 0;
  const provider = (data: Readonly<Record<string, string>>, props: object = {}): WrapsKeys => {
    const secretName = `aws-${++count}`;
    mounted.mount('keyward', secretName, data);
    const settings = {
      type: 'aws-metadata',
      region: motoRegion,
      secretName,
      endpointUrl: server.address,
      ...props,
    } as const;
    return awsMetadataProvider(settleKms('under-test', settings), mounted);
  };

  describeKmsProvider('aws-metadata', traits, async (): Promise<KmsHarness> => {
    const make = (changed: Readonly<Record<string, string>>) => () => provider(credentials(changed));
    const { AWS_CMK_ARN: _, ...withoutKey } = credentials();
    return {
      makeProvider: make({}),
      context: () => none,
      faults: [
        { name: 'a wrong secret key', code: 'KMS_DENIED', makeProvider: make({ AWS_SECRET_ACCESS_KEY: 'wrong' }) },
        { name: 'an unknown access key', code: 'KMS_DENIED', makeProvider: make({ AWS_ACCESS_KEY_ID: 'AKIAUNKNOWN' }) },
        {
          name: 'a user without the right',
          code: 'KMS_DENIED',
          makeProvider: make({
            AWS_ACCESS_KEY_ID: stranger.accessKeyId,
            AWS_SECRET_ACCESS_KEY: stranger.secretAccessKey,
          }),
        },
        { name: 'no ARN', code: 'SECRET_MISSING', makeProvider: () => provider(withoutKey) },
        { name: 'one key more', code: 'CONFIG_INVALID', makeProvider: make({ AWS_REGION: 'x' }) },
        { name: 'a line break', code: 'CONFIG_INVALID', makeProvider: make({ AWS_ACCESS_KEY_ID: 'AKIA\n' }) },
        { name: 'no Secret', code: 'SECRET_MISSING', makeProvider: () => provider({}, { secretName: 'absent' }) },
      ],
    };
  });

  const tenantSecret = (changed: Readonly<Record<string, string>> = {}) => ({
    awsRoleARN: roleArn,
    awsCMKARN: tenantArn,
    awsRegion: motoRegion,
    ...changed,
  });
  const sts = (data: Readonly<Record<string, string>>, options = { tokenFile }): WrapsKeys => {
    const secretName = `sts-${++count}`;
    mounted.mount('shop', secretName, data);
    const settings = { type: 'aws-sts-metadata', secretName, endpointUrl: open.address } as const;
    return awsStsMetadataProvider(settleKms('under-test', settings), mounted, options);
  };

  describeKmsProvider('aws-sts-metadata', traits, async (): Promise<KmsHarness> => {
    const make = (changed: Readonly<Record<string, string>>) => () => sts(tenantSecret(changed));
    return {
      makeProvider: make({}),
      context: () => none,
      faults: [
        { name: 'no region', code: 'CONFIG_INVALID', makeProvider: make({ awsRegion: 'evil.example.com/' }) },
        { name: 'one key more', code: 'CONFIG_INVALID', makeProvider: make({ AWS_CMK_ARN: 'x' }) },
        {
          name: 'no token',
          code: 'CONFIG_UNREADABLE',
          makeProvider: () => sts(tenantSecret(), { tokenFile: `${tokenFile}-absent` }),
        },
      ],
    };
  });

  describe('aws', () => {
    test('tells an unknown key', async () => {
      const kms = new Kms({ kmsId: 'k' }, provider(credentials({ AWS_CMK_ARN: `${keyArn.slice(0, -4)}0000` })));
      await expect(kms.ensure(ref, none, new MemoryStore())).toRejectWithCode('KMS_KEY_NOT_FOUND');
    });

    test('stores the blob in standard base64, as ceph-csi does, and reads what another client of the API made', async () => {
      const [store, kms] = [new MemoryStore(), new Kms({ kmsId: 'k' }, provider(credentials()))];
      const made = await kms.ensure(ref, none, store);
      const { body } = await server.kms('Decrypt', { CiphertextBlob: store.wrapped });
      expect(Buffer.from(body.Plaintext, 'base64').toString()).toBe(made.dek.use((bytes) => bytes.toString()));

      const Plaintext = Buffer.from('-Pn6-_z9_v8AAQIDBAUGBwgJCgs=').toString('base64');
      const { body: foreign } = await server.kms('Encrypt', { KeyId: keyArn, Plaintext });
      const { dek } = await kms.fetch(ref, none, new MemoryStore(foreign.CiphertextBlob));
      expect(dek.use((bytes) => bytes.toString())).toBe('-Pn6-_z9_v8AAQIDBAUGBwgJCgs=');
    });

    test('needs the tenant for its Secret', async () => {
      const kms = new Kms({ kmsId: 'k' }, sts(tenantSecret()));
      const orphan = { volumeId: 'pvc-1', owner: '' };
      await expect(kms.ensure(orphan, none, new MemoryStore())).toRejectWithCode('SECRET_MISSING');
    });
  });
});
