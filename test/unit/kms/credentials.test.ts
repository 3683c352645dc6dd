import { Credentials, driverNamespace, readCredentials } from '../../../runtime/kms/credentials';
import { Secret } from '../../../runtime/secret';
import { mountedFixture } from '../../conformance/kms/mounted';

const mounted = mountedFixture();
const where = { namespace: 'keyward', name: 'credentials' };
const keys = { required: ['ID', 'KEY'], optional: ['TOKEN'] };
afterAll(() => mounted.remove());

test('reads required and optional keys, as they are', async () => {
  mounted.mount('keyward', 'credentials', { ID: 'id', KEY: 'key\n', TOKEN: 't' });
  using found = await readCredentials(mounted.secrets, where, keys);
  expect([found.word('ID'), found.text('KEY'), found.optionalText('TOKEN')]).toEqual(['id', 'key\n', 't']);
  expect(() => found.word('KEY')).toThrowWithCode('CONFIG_INVALID');
});

test('does without an optional key, and not without a required one', async () => {
  mounted.mount('keyward', 'credentials', { ID: 'id', KEY: 'key' });
  using found = await readCredentials(mounted.secrets, where, keys);
  expect(found.optionalText('TOKEN')).toBeUndefined();
  mounted.mount('keyward', 'credentials', { ID: 'id' });
  await expect(readCredentials(mounted.secrets, where, keys)).toRejectWithCode('SECRET_MISSING');
});

test('refuses a key that does not belong there, and names it, as ceph-csi does', async () => {
  mounted.mount('keyward', 'credentials', { ID: 'id', KEY: 'key', 'tls.crt': 'x' });
  const error = await readCredentials(mounted.secrets, where, keys).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('tls.crt') });
});

test('a reader that sees single keys only is taken at its word', async () => {
  mounted.mount('keyward', 'credentials', { ID: 'id', KEY: 'key', 'tls.crt': 'x' });
  const { read } = mounted.secrets;
  using found = await readCredentials({ read }, where, keys);
  expect(found.word('ID')).toBe('id');
});

test('the fingerprint is equal for equal values only, and the values are gone after disposal', () => {
  const make = (id: string, key: string) =>
    new Credentials(
      'a/b',
      new Map([
        ['ID', Secret.fromText(id)],
        ['KEY', Secret.fromText(key)],
      ]),
    );
  expect(make('a', 'bc').fingerprint).toBe(make('a', 'bc').fingerprint);
  expect(make('a', 'bc').fingerprint).not.toBe(make('ab', 'c').fingerprint);
  const gone = make('a', 'b');
  gone[Symbol.dispose]();
  expect(() => gone.text('ID')).toThrow();
});

test('tells that the namespace of the driver is not known', () => {
  expect(driverNamespace({ podNamespace: 'keyward' })).toBe('keyward');
  expect(() => driverNamespace({})).toThrowWithCode('CONFIG_INVALID');
  expect(() => driverNamespace({ podNamespace: '' })).toThrowWithCode('CONFIG_INVALID');
});
