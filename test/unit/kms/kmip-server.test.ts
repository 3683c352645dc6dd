/** The `kmip` KMS against servers that do what PyKMIP would not: slow, oversized, foreign and hostile answers. */
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { settleKms } from '../../../lib/schema/kms';
import { kmipProvider } from '../../../runtime/kms/kmip/provider';
import { decodeTtlv, encodeTtlv, type Ttlv } from '../../../runtime/kms/kmip/ttlv';
import type { WrapsKeys } from '../../../runtime/kms/provider';
import { Secret } from '../../../runtime/secret';
import { textOf } from '../../conformance/kms/error-text';
import { type MountedFixture, mountedFixture } from '../../conformance/kms/mounted';
import { type Certificate, type CertificateAuthority, createCertificateAuthority } from '../../harness/certificates';
import { describeWith } from '../../harness/describe-with';

const ref = { volumeId: 'pvc-1', owner: '' };
const none = { secrets: new Map<string, Secret>() };
const dek = () => Secret.fromText('c2VjcmV0LWtleS1vZi1hLXZvbHVtZS4=');

describeWith(['openssl'], 'kmip', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-kmip-'));
  let ca: CertificateAuthority;
  let server: Certificate;
  let client: Certificate;
  let mounted: MountedFixture;
  const open: Server[] = [];

  beforeAll(async () => {
    mounted = mountedFixture();
    ca = await createCertificateAuthority(folder);
    server = await ca.issueServer('server');
    client = await ca.issueClient('csi-node');
    mounted.mount('keyward', 'kmip', {
      CA_CERT: ca.caPem,
      CLIENT_CERT: client.certificatePem,
      CLIENT_KEY: client.keyPem,
      UNIQUE_IDENTIFIER: '1',
    });
  });
  afterEach(() => {
    for (const each of open.splice(0)) each.close();
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
    mounted.remove();
  });

  /** A server that gives each whole request to `answer`. */
  const against = async (
    answer: (request: Ttlv, socket: TLSSocket) => void,
    props: object = {},
  ): Promise<WrapsKeys> => {
    const made = createServer(
      { cert: server.certificatePem, key: server.keyPem, ca: ca.caPem, requestCert: true, rejectUnauthorized: true },
      (socket) => {
        socket.on('error', () => undefined);
        socket.on('data', (bytes: Buffer) => answer(decodeTtlv(bytes), socket));
      },
    );
    open.push(made);
    await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve));
    const endpoint = `127.0.0.1:${(made.address() as AddressInfo).port}`;
    const settings = settleKms('k', { type: 'kmip', endpoint, secretName: 'kmip', ...props });
    return kmipProvider(settings, mounted);
  };

  const inside = (item: Ttlv | undefined, ...path: readonly number[]): Ttlv | undefined =>
    path.reduce<Ttlv | undefined>(
      (at, tag) => (at?.type === 'structure' ? at.value.find((each) => each.tag === tag) : undefined),
      item,
    );
  const version: Ttlv = {
    tag: 0x420069,
    type: 'structure',
    value: [
      { tag: 0x42006a, type: 'integer', value: 1 },
      { tag: 0x42006b, type: 'integer', value: 4 },
    ],
  };
  interface Parts {
    readonly batchCount?: number;
    readonly operation?: number;
    readonly id?: Buffer;
    readonly status?: number;
    readonly more?: readonly Ttlv[];
    readonly payload?: readonly Ttlv[];
  }
  /** What a server of the specification would answer, but for the parts that are given. */
  const response = (request: Ttlv, parts: Parts = {}): Buffer => {
    const operation = inside(request, 0x42000f, 0x42005c);
    const id = inside(request, 0x42000f, 0x420093);
    const asked = operation?.type === 'enumeration' ? operation.value : 0;
    const payload =
      parts.payload ?? (asked === 0x1e ? [version] : [{ tag: 0x4200c2, type: 'bytes', value: Buffer.alloc(32, 7) }]);
    return encodeTtlv({
      tag: 0x42007b,
      type: 'structure',
      value: [
        {
          tag: 0x42007a,
          type: 'structure',
          value: [version, { tag: 0x42000d, type: 'integer', value: parts.batchCount ?? 1 }],
        },
        {
          tag: 0x42000f,
          type: 'structure',
          value: [
            { tag: 0x42005c, type: 'enumeration', value: parts.operation ?? asked },
            { tag: 0x420093, type: 'bytes', value: parts.id ?? (id?.type === 'bytes' ? id.value : Buffer.alloc(0)) },
            { tag: 0x42007f, type: 'enumeration', value: parts.status ?? 0 },
            ...(parts.more ?? []),
            { tag: 0x42007c, type: 'structure', value: payload },
          ],
        },
      ],
    });
  };
  const isDiscovery = (request: Ttlv) => {
    const operation = inside(request, 0x42000f, 0x42005c);
    return operation?.type === 'enumeration' && operation.value === 0x1e;
  };

  test('a server of the specification is understood', async () => {
    const kms = await against((request, socket) => socket.write(response(request)));
    expect(JSON.parse(await kms.wrap(ref, dek(), none)).dek).toBe(Buffer.alloc(32, 7).toString('base64'));
  });

  test.each<readonly [string, Parts]>([
    ['two batch items announced', { batchCount: 2 }],
    ['another operation', { operation: 0x20 }],
    ['another id', { id: Buffer.alloc(16, 1) }],
    ['no data', { payload: [] }],
    ['data of another type', { payload: [{ tag: 0x4200c2, type: 'text', value: 'x' }] }],
  ])('refuses an answer with %s', async (_, parts) => {
    const kms = await against((request, socket) => socket.write(response(request, isDiscovery(request) ? {} : parts)));
    await expect(kms.wrap(ref, dek(), none)).toRejectWithCode('KMS_ANSWER_INVALID');
  });

  test.each<readonly [string, readonly Ttlv[]]>([
    ['no version', []],
    ['two versions', [version, version]],
    [
      'version 1.2',
      [
        {
          tag: 0x420069,
          type: 'structure',
          value: [
            { tag: 0x42006a, type: 'integer', value: 1 },
            { tag: 0x42006b, type: 'integer', value: 2 },
          ],
        },
      ],
    ],
  ])('refuses a server that discovers %s', async (_, payload) => {
    const kms = await against((request, socket) => socket.write(response(request, { payload })));
    await expect(kms.wrap(ref, dek(), none)).toRejectWithCode('KMS_ANSWER_INVALID');
  });

  test.each([
    [1, 'KMS_KEY_NOT_FOUND'],
    [3, 'KMS_DENIED'],
    [5, 'CONFIG_INVALID'],
    [12, 'KMS_DENIED'],
    [256, 'KMS_UNREACHABLE'],
    [4711, 'KMS_DENIED'],
  ])('result reason %d is %s', async (value, code) => {
    const more: readonly Ttlv[] = [{ tag: 0x42007e, type: 'enumeration', value }];
    const kms = await against((request, socket) =>
      socket.write(response(request, isDiscovery(request) ? {} : { status: 1, more })),
    );
    await expect(kms.wrap(ref, dek(), none)).toRejectWithCode(code);
  });

  test('never shows what a server repeats of a key (R11)', async () => {
    for (const text of [
      'c2VjcmV0LWtleS1vZi1hLXZvbHVtZS4=',
      Buffer.from('c2VjcmV0LWtleS1vZi1hLXZvbHVtZS4=').toString('hex'),
    ]) {
      const more: readonly Ttlv[] = [
        { tag: 0x42007e, type: 'enumeration', value: 7 },
        { tag: 0x42007d, type: 'text', value: `bad data: ${text}` },
      ];
      const kms = await against((request, socket) =>
        socket.write(response(request, isDiscovery(request) ? {} : { status: 1, more })),
      );
      const error = await kms.wrap(ref, dek(), none).catch((reason: unknown) => reason);
      expect(textOf(error)).not.toContain(text);
    }
  });

  test.each<readonly [string, string, (request: Ttlv, socket: TLSSocket) => void]>([
    [
      'is larger than it may be',
      'KMS_ANSWER_INVALID',
      (_, socket) => socket.write(Buffer.from('42007b0100100000', 'hex')),
    ],
    ['is not TTLV', 'KMS_ANSWER_INVALID', (_, socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\nwhat is this')],
    [
      'is longer than it says',
      'KMS_ANSWER_INVALID',
      (request, socket) => socket.write(Buffer.concat([response(request), Buffer.alloc(8)])),
    ],
    ['does not come', 'KMS_UNREACHABLE', (_, socket) => socket.end()],
    ['is cut off', 'KMS_UNREACHABLE', (request, socket) => socket.end(response(request).subarray(0, 20))],
    ['never comes', 'KMS_TIMEOUT', () => undefined],
    [
      'comes byte by byte',
      'KMS_TIMEOUT',
      (request, socket) => {
        const bytes = response(request);
        let sent = 0;
        const timer = setInterval(() => socket.write(bytes.subarray(sent, ++sent)), 50);
        socket.on('close', () => clearInterval(timer));
      },
    ],
  ])('an answer that %s is %s', async (_, code, answer) => {
    const kms = await against(answer, { readTimeoutSeconds: 1, writeTimeoutSeconds: 0 });
    await expect(kms.wrap(ref, dek(), none)).toRejectWithCode(code);
  });

  test('a caller who gives up ends the call at once; its own deadline holds where none is configured', async () => {
    const kms = await against(() => undefined, { readTimeoutSeconds: 0, writeTimeoutSeconds: 0 });
    const controller = new AbortController();
    const call = kms.wrap(ref, dek(), { ...none, signal: controller.signal });
    controller.abort();
    await expect(call).toRejectWithCode('ABORTED');
    const timed = kms.wrap(ref, dek(), { ...none, signal: AbortSignal.timeout(200) });
    await expect(timed).toRejectWithCode('KMS_TIMEOUT');
  });

  test('refuses a key that is no text, since it could not tell garbage from it', async () => {
    const kms = await against((request, socket) => socket.write(response(request)));
    await expect(kms.wrap(ref, Secret.take(Buffer.from([0xff, 0])), none)).toRejectWithCode('REQUEST_INVALID');
  });

  test('without the namespace of the driver it says so', async () => {
    const settings = settleKms('k', { type: 'kmip', endpoint: 'kmip.test:5696' });
    const kms = kmipProvider(settings, { secrets: mounted.secrets });
    await expect(kms.wrap(ref, dek(), none)).toRejectWithCode('CONFIG_INVALID');
  });
});
