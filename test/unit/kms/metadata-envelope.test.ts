import { deriveKey, open, seal } from '../../../runtime/kms/metadata/envelope';
import { Secret } from '../../../runtime/secret';
import vector from '../../fixtures/kms/metadata.json';

const key = () => Secret.take(Buffer.from(vector.scryptKeyHex, 'hex'));
const text = (secret: Secret) => secret.use((bytes) => bytes.toString('utf8'));

test('derives the key of the ceph-csi vector', async () => {
  const derived = await deriveKey(Secret.fromText(vector.passphrase), vector.volumeId);
  expect(derived.equals(key())).toBe(true);
});

test('wraps to the bytes of the ceph-csi vector', () => {
  expect(seal(Secret.fromText(vector.dek), key(), Buffer.from(vector.nonceHex, 'hex'))).toBe(vector.wrapped);
});

test('unwraps the ceph-csi vector', () => {
  expect(text(open(vector.wrapped, key()))).toBe(vector.dek);
});

test('never wraps to the same text twice', () => {
  expect(seal(Secret.fromText(vector.dek), key())).not.toBe(seal(Secret.fromText(vector.dek), key()));
});

test('takes unknown members, as Go does', () => {
  expect(text(open(JSON.stringify({ ...JSON.parse(vector.wrapped), version: 2 }), key()))).toBe(vector.dek);
});

test('refuses a change in any byte of the ciphertext or the nonce', () => {
  const { dek, nonce } = JSON.parse(vector.wrapped);
  for (const [name, value] of Object.entries({ dek, nonce })) {
    const bytes = Buffer.from(value as string, 'base64');
    for (const position of bytes.keys()) {
      const changed = Buffer.from(bytes);
      changed[position] = (changed[position] ?? 0) ^ 1;
      const wrapped = JSON.stringify({ dek, nonce, [name]: changed.toString('base64') });
      expect(() => open(wrapped, key())).toThrowWithCode('KMS_CIPHERTEXT_INVALID');
    }
  }
});

test('refuses every truncation', () => {
  for (let length = 0; length < vector.wrapped.length; length += 1) {
    expect(() => open(vector.wrapped.slice(0, length), key())).toThrowWithCode('KMS_CIPHERTEXT_INVALID');
  }
});

test.each([
  ['another type', 'null'],
  ['a list', '[]'],
  ['no nonce', '{"dek":"ylxCMCWeTIRqPszCYR4nCPOEOGXGxaJkUcP30979hkM3N+lgdiQzbJpLrwI="}'],
  ['a number', '{"dek":1,"nonce":"AAECAwQFBgcICQoL"}'],
  ['a nonce of 16 bytes (kmip)', vector.wrapped.replace('AAECAwQFBgcICQoL', 'AAECAwQFBgcICQoLDA0ODw==')],
  ['URL-safe base64', vector.wrapped.replace('N+l', 'N-l')],
  ['white space in base64', vector.wrapped.replace('ylx', 'yl\\nx')],
  ['no padding', vector.wrapped.replace('rwI=', 'rwI')],
  ['only a tag', '{"dek":"AAAAAAAAAAAAAAAAAAAAAA==","nonce":"AAECAwQFBgcICQoL"}'],
])('refuses %s', (_, wrapped) => {
  expect(() => open(wrapped, key())).toThrowWithCode('KMS_CIPHERTEXT_INVALID');
});
