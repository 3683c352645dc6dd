import { create, toBinary } from '@bufbuild/protobuf';
import * as fc from 'fast-check';
import { etcdFolder, parseGroupResource } from '../../../runtime/etcd-rotation/etcd-paths';
import { hashOf, storedUnder } from '../../../runtime/etcd-rotation/stored-value';
import { EncryptedObjectSchema } from '../../../runtime/grpc/gen/kms_encryptedobject_v2_pb';

const v2 = (keyID: string) =>
  Buffer.concat([
    Buffer.from('k8s:enc:kms:v2:vault:'),
    toBinary(EncryptedObjectSchema, create(EncryptedObjectSchema, { keyID, encryptedData: Buffer.alloc(40, 1) })),
  ]);
const v1 = (wrapped: string) => {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(wrapped.length);
  return Buffer.concat([Buffer.from('k8s:enc:kms:v1:vault:'), length, Buffer.from(wrapped), Buffer.alloc(20)]);
};

describe('what etcd holds of an object', () => {
  test.each([
    ['KMS v2', v2('transit:transit/kms:v2'), { provider: 'k8s:enc:kms:v2:vault:', keyId: 'transit:transit/kms:v2' }],
    ['KMS v2 of another plugin', v2('1'), { provider: 'k8s:enc:kms:v2:vault:', keyId: '1' }],
    ['KMS v1 on transit', v1('vault:v12:AAAA'), { provider: 'k8s:enc:kms:v1:vault:', keyId: 'vault:v12' }],
    ['KMS v1 of another plugin', v1('AQICAHg'), { provider: 'k8s:enc:kms:v1:vault:' }],
    ['a static key', Buffer.from('k8s:enc:aescbc:v1:key1:xyz'), { provider: 'k8s:enc:aescbc:v1:key1:' }],
    ['plain text', Buffer.from('k8s\0\n\f\n\x02v1'), { provider: 'identity' }],
    ['a prefix without an end', Buffer.from('k8s:enc:kms:v2:vault'), { provider: 'identity' }],
    ['nothing', Buffer.alloc(0), { provider: 'identity' }],
    ['a damaged object', Buffer.from('k8s:enc:kms:v2:vault:\x0a\xff'), { provider: 'k8s:enc:kms:v2:vault:' }],
    ['v1 cut off', Buffer.from('k8s:enc:kms:v1:vault:\x00'), { provider: 'k8s:enc:kms:v1:vault:' }],
  ])('%s is recognised', (_, value, expected) => {
    expect(storedUnder(value)).toEqual(expected);
  });

  test('no bytes make it throw', () => {
    const values = fc.tuple(
      fc.constantFrom('', 'k8s:enc:kms:v1:a:', 'k8s:enc:kms:v2:a:'),
      fc.uint8Array({ maxLength: 80 }),
    );
    fc.assert(
      fc.property(values, ([prefix, bytes]) => {
        expect(storedUnder(Buffer.concat([Buffer.from(prefix), bytes])).provider).not.toBe('');
      }),
    );
  });

  test('a key id is hashed as the API server does', () => {
    // Name of a Lease and label of a metric of a real API server 1.34.
    expect(hashOf('apiserver-wlv32tlttr4jl3gtroqexyxapa')).toBe(
      'sha256:73095bbbe8f317654631b5a70d7c53951e472e19c3daa5b71a50958a5e82991b',
    );
  });
});

test.each([
  ['secrets', 'secrets/'],
  ['services', 'services/specs/'],
  ['nodes', 'minions/'],
  ['deployments.apps', 'deployments/'],
  ['ingresses.networking.k8s.io', 'ingress/'],
  ['secrets.example.com', 'example.com/secrets/'],
  ['volumesnapshots.snapshot.storage.k8s.io', 'snapshot.storage.k8s.io/volumesnapshots/'],
])('%s are kept below %s', (name, folder) => {
  expect(etcdFolder(parseGroupResource(name))).toBe(folder);
});
