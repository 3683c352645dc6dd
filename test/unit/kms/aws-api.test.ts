/** AWS KMS and STS as they answer in trouble, which moto does not: every error code that means something, and odd answers. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { settleKms } from '../../../lib/schema/kms';
import { awsEndpoint } from '../../../runtime/kms/aws/endpoints';
import { awsMetadataProvider, awsStsMetadataProvider } from '../../../runtime/kms/aws/provider';
import { signed } from '../../../runtime/kms/aws/sigv4';
import { Kms } from '../../../runtime/kms/kms';
import { Secret } from '../../../runtime/secret';
import { MemoryStore } from '../../conformance/kms/memory-store';
import { mountedFixture } from '../../conformance/kms/mounted';
import { answer, type Handler, serve } from '../vault/local-server';

const mounted = mountedFixture();
const folder = mkdtempSync(join(tmpdir(), 'keyward-aws-'));
const tokenFile = join(folder, 'token');
beforeAll(() => {
  mounted.mount('keyward', 'ceph-csi-aws-credentials', {
    AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
    AWS_SESSION_TOKEN: 'a-session-token',
    AWS_CMK_ARN: 'arn:aws:kms:eu-central-1:123456789012:key/1',
  });
  mounted.mount('shop', 'ceph-csi-aws-credentials', {
    awsRoleARN: 'arn:aws:iam::123456789012:role/tenant',
    awsCMKARN: 'arn:aws:kms:eu-central-1:123456789012:key/1',
    awsRegion: 'eu-central-1',
  });
  writeFileSync(tokenFile, 'a.web.token');
});
afterAll(() => {
  mounted.remove();
  rmSync(folder, { recursive: true });
});

const ref = { volumeId: 'pvc-1', owner: 'shop' };
const none = { secrets: new Map<string, Secret>() };
const wrapped = () => new MemoryStore(Buffer.from('a ciphertext blob').toString('base64'));
const plaintext = Buffer.from('-Pn6-_z9_v8AAQIDBAUGBwgJCgs=').toString('base64');

test('signs as in the published examples of AWS (post-vanilla, with x-amz-date)', () => {
  const credentials = {
    accessKeyId: 'AKIDEXAMPLE',
    secretAccessKey: Secret.fromText('wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'),
  };
  const scope = { region: 'us-east-1', service: 'service', at: new Date('2015-08-30T12:36:00Z') };
  const headers = signed({ url: 'https://example.amazonaws.com/', headers: {}, body: '' }, credentials, scope);
  expect(headers).toEqual({
    'x-amz-date': '20150830T123600Z',
    authorization:
      'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
  });
});

test.each([
  ['eu-central-1', 'https://kms.eu-central-1.amazonaws.com'],
  ['us-gov-west-1', 'https://kms.us-gov-west-1.amazonaws.com'],
  ['cn-north-1', 'https://kms.cn-north-1.amazonaws.com.cn'],
  ['us-iso-east-1', 'https://kms.us-iso-east-1.c2s.ic.gov'],
  ['us-isob-east-1', 'https://kms.us-isob-east-1.sc2s.sgov.gov'],
  ['eusc-de-east-1', 'https://kms.eusc-de-east-1.amazonaws.eu'],
])('region %s is at %s', (region, url) => {
  expect(awsEndpoint('kms', region)).toBe(url);
});

async function withKms(
  handler: Handler,
  use: (kms: Kms, requests: readonly { headers: object; body: string }[]) => Promise<void>,
) {
  await using server = await serve(handler);
  const settings = settleKms('k', { type: 'aws-metadata', region: 'eu-central-1', endpointUrl: server.address });
  await use(new Kms({ kmsId: 'k', attempts: 1 }, awsMetadataProvider(settings, mounted)), server.requests);
}

test('asks as ceph-csi does: no encryption context, and only the blob to decrypt; the session token is signed', async () => {
  const handler: Handler = (_, response) => answer(response, 200, { Plaintext: plaintext });
  await withKms(handler, async (kms, requests) => {
    await kms.fetch(ref, none, wrapped());
    expect(JSON.parse(requests[0]?.body ?? '')).toEqual({
      CiphertextBlob: Buffer.from('a ciphertext blob').toString('base64'),
    });
    expect(requests[0]?.headers).toMatchObject({
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'TrentService.Decrypt',
      'x-amz-security-token': 'a-session-token',
      authorization: expect.stringContaining(
        'SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target',
      ),
    });
  });
});

test.each([
  ['NotFoundException', 400, 'KMS_KEY_NOT_FOUND'],
  ['DisabledException', 400, 'KMS_DENIED'],
  ['KMSInvalidStateException', 400, 'KMS_DENIED'],
  ['InvalidKeyUsageException', 400, 'CONFIG_INVALID'],
  ['InvalidCiphertextException', 400, 'KMS_CIPHERTEXT_INVALID'],
  ['IncorrectKeyException', 400, 'KMS_CIPHERTEXT_INVALID'],
  ['AccessDeniedException', 400, 'KMS_DENIED'],
  ['ExpiredTokenException', 400, 'KMS_DENIED'],
  ['UnrecognizedClientException', 400, 'KMS_DENIED'],
  ['InvalidSignatureException', 400, 'KMS_DENIED'],
  ['ThrottlingException', 400, 'KMS_THROTTLED'],
  ['KMSInternalException', 500, 'KMS_UNREACHABLE'],
  ['KeyUnavailableException', 500, 'KMS_UNREACHABLE'],
  ['com.amazonaws.kms#DependencyTimeoutException', 503, 'KMS_UNREACHABLE'],
  ['SomethingNewException', 400, 'KMS_DENIED'],
])('%s is told', async (type, status, code) => {
  const handler: Handler = (_, response) =>
    answer(response, status, { __type: type, message: `${plaintext} repeated` });
  await withKms(handler, async (kms) => {
    const error = await kms.fetch(ref, none, wrapped()).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code });
    expect(String(error)).not.toContain(plaintext);
  });
});

test.each([
  ['no JSON', 'hello', 'KMS_ANSWER_INVALID'],
  ['no plaintext', {}, 'KMS_ANSWER_INVALID'],
  ['a plaintext that is not base64', { Plaintext: '!' }, 'KMS_ANSWER_INVALID'],
  ['an empty plaintext', { Plaintext: '' }, 'KMS_ANSWER_INVALID'],
  ['too much', 'x'.repeat(1024 * 1024 + 1), 'KMS_ANSWER_INVALID'],
])('refuses an answer with %s', async (_, body, code) => {
  await withKms(
    (_request, response) => answer(response, 200, body),
    async (kms) => {
      await expect(kms.fetch(ref, none, wrapped())).toRejectWithCode(code);
    },
  );
});

test('a server that answers byte by byte ends in KMS_TIMEOUT', async () => {
  const handler: Handler = (_, response) => {
    response.writeHead(200);
    const timer = setInterval(() => response.write(' '), 50);
    response.on('close', () => clearInterval(timer));
  };
  await withKms(handler, async (kms) => {
    const context = { ...none, signal: AbortSignal.timeout(300) };
    await expect(kms.fetch(ref, context, wrapped())).toRejectWithCode('KMS_TIMEOUT');
  });
});

const session = (
  expiration: string,
) => `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>
  <AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>
  <Expiration>${expiration}</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`;
const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();

async function withSts(handler: Handler, use: (kms: Kms, requests: readonly { body: string }[]) => Promise<void>) {
  await using server = await serve(handler);
  const settings = settleKms('k', { type: 'aws-sts-metadata', endpointUrl: server.address });
  await use(
    new Kms({ kmsId: 'k', attempts: 1 }, awsStsMetadataProvider(settings, mounted, { tokenFile })),
    server.requests,
  );
}

test('assumes the role of the tenant as ceph-csi does, once for many calls (R9)', async () => {
  const handler: Handler = (request, response) =>
    request.headers['x-amz-target']
      ? answer(response, 200, { Plaintext: plaintext })
      : answer(response, 200, session(inAnHour()));
  await withSts(handler, async (kms, requests) => {
    await Promise.all(Array.from({ length: 20 }, () => kms.fetch(ref, none, wrapped())));
    const logins = requests.filter(({ body }) => body.startsWith('Action='));
    expect(logins).toHaveLength(1);
    expect(Object.fromEntries(new URLSearchParams(logins[0]?.body))).toEqual({
      Action: 'AssumeRoleWithWebIdentity',
      Version: '2011-06-15',
      RoleArn: 'arn:aws:iam::123456789012:role/tenant',
      RoleSessionName: 'ceph-csi-aws-sts-metadata',
      WebIdentityToken: 'a.web.token',
    });
  });
});

test('a session that was revoked is replaced at once', async () => {
  let refusals = 1;
  const handler: Handler = (request, response) => {
    if (!request.headers['x-amz-target']) return answer(response, 200, session(inAnHour()));
    refusals -= 1;
    if (refusals >= 0) return answer(response, 400, { __type: 'ExpiredTokenException' });
    return answer(response, 200, { Plaintext: plaintext });
  };
  await withSts(handler, async (kms) => {
    await expect(kms.fetch(ref, none, wrapped())).resolves.toBeDefined();
  });
});

const stsError = (code: string) =>
  `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code></Error></ErrorResponse>`;

test.each([
  [403, stsError('AccessDenied'), 'KMS_DENIED'],
  [400, stsError('InvalidIdentityToken'), 'KMS_DENIED'],
  [400, stsError('ExpiredTokenException'), 'KMS_DENIED'],
  [400, stsError('IDPCommunicationError'), 'KMS_UNREACHABLE'],
  [403, stsError('RegionDisabledException'), 'CONFIG_INVALID'],
  [503, 'busy', 'KMS_UNREACHABLE'],
  [200, 'hello', 'KMS_ANSWER_INVALID'],
  [200, session('never'), 'KMS_ANSWER_INVALID'],
  [200, session('2020-01-01T00:00:00Z'), 'KMS_ANSWER_INVALID'],
])('STS answers %d %.60s: told', async (status, body, code) => {
  await withSts(
    (_, response) => answer(response, status, body),
    async (kms) => {
      await expect(kms.fetch(ref, none, wrapped())).toRejectWithCode(code);
    },
  );
});

test('a wrapped key that is not standard base64 reaches no server', async () => {
  await withKms(
    (_, response) => answer(response, 500, ''),
    async (kms, requests) => {
      for (const text of ['a-b_', 'YQ', 'YQ==\n', '{}']) {
        await expect(kms.fetch(ref, none, new MemoryStore(text))).toRejectWithCode('KMS_CIPHERTEXT_INVALID');
      }
      expect(requests).toHaveLength(0);
    },
  );
});
