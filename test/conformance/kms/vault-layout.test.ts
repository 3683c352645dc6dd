/** What the `vault` KMS leaves in the KV engine, and what it takes from ceph-csi, read with other eyes than its own. */
import { writeFileSync } from 'node:fs';
import { Kms } from '../../../runtime/kms/kms';
import { vaultProvider } from '../../../runtime/kms/vault/provider';
import type { Secret } from '../../../runtime/secret';
import { describeWith } from '../../harness/describe-with';
import { MemoryStore } from './memory-store';
import { startVaultFixture, type VaultFixture } from './vault-fixture';

jest.setTimeout(120_000);

const none = { secrets: new Map<string, Secret>() };
const unused = new MemoryStore();
const text = (dek: Secret) => dek.use((bytes) => bytes.toString('utf8'));

describeWith(['openbao', 'openssl'], 'layout of the vault KMS on OpenBao', () => {
  let fixture: VaultFixture;
  const tokens = new Map<string, string>();

  beforeAll(async () => {
    fixture = await startVaultFixture();
    await fixture.bao.expectOk('PUT', 'sys/namespaces/team-a', {});
    tokens.set('v1', await fixture.prepare('v1', 1));
    tokens.set('v2', await fixture.prepare('v2', 2));
    tokens.set('nested', await fixture.prepare('nested', 2, 'team-a'));
  });
  afterAll(() => fixture?.stop());

  const open = (mount: string, props: Partial<Parameters<VaultFixture['settings']>[0]> = {}) =>
    new Kms(
      { kmsId: mount },
      vaultProvider(
        fixture.settings({
          auth: { method: 'token', tokenFile: tokens.get(mount) ?? '' },
          backendPath: mount,
          ...props,
        }),
      ),
    );
  const raw = async (path: string, namespace?: string) =>
    (await fixture.bao.request('GET', path, undefined, namespace === undefined ? {} : { namespace })).body;

  test('KV v2: data.data.data.passphrase under the prefix joined with the volume id', async () => {
    const kms = open('v2', { passphrasePath: '/ceph-csi//keys/' });
    const { dek, version } = await kms.ensure({ volumeId: 'pvc-1', owner: 'shop' }, none, unused);
    const { data } = await raw('v2/data/ceph-csi/keys/pvc-1');
    expect(data.data).toEqual({ data: { passphrase: text(dek) } });
    expect(version).toBe('1');
  });

  test('KV v1: data.data.passphrase', async () => {
    const { dek } = await open('v1', { backend: 'kv' }).ensure({ volumeId: 'pvc-1', owner: 'shop' }, none, unused);
    expect((await raw('v1/pvc-1')).data).toEqual({ data: { passphrase: text(dek) } });
  });

  test('the namespace of the data stands in the path; only the login carries the header (trap 7)', async () => {
    const kms = open('nested', { namespace: 'team-a' });
    const { dek } = await kms.ensure({ volumeId: 'pvc-1', owner: 'shop' }, none, unused);
    expect((await raw('nested/data/pvc-1', 'team-a')).data.data).toEqual({ data: { passphrase: text(dek) } });
  });

  test.each([
    ['v1', 'v1/pvc-2', { data: { passphrase: '-Pn6-_z9_v8AAQIDBAUGBwgJCgs=' } }, { backend: 'kv' } as const],
    ['v2', 'v2/data/pvc-2', { data: { data: { passphrase: '-Pn6-_z9_v8AAQIDBAUGBwgJCgs=' } } }, {}],
  ])('reads what ceph-csi wrote to KV %s', async (mount, path, body, props) => {
    await fixture.bao.expectOk('PUT', path, body);
    const { dek } = await open(mount, props).fetch({ volumeId: 'pvc-2', owner: '' }, none, unused);
    expect(text(dek)).toBe('-Pn6-_z9_v8AAQIDBAUGBwgJCgs=');
  });

  test.each([
    ['flat', { passphrase: 'a' }],
    ['empty', { data: { passphrase: '' } }],
    ['a number', { data: { passphrase: 1 } }],
    ['too large', { data: { passphrase: 'x'.repeat(1025) } }],
  ])('refuses an entry that is %s, as ceph-csi does', async (_, entry) => {
    await fixture.bao.expectOk('PUT', 'v2/data/odd', { data: entry });
    const ref = { volumeId: 'odd', owner: '' };
    await expect(open('v2').fetch(ref, none, unused)).toRejectWithCode('KMS_ANSWER_INVALID');
    await expect(open('v2').ensure(ref, none, unused)).toRejectWithCode('KMS_ANSWER_INVALID');
  });

  test('destroy leaves no version of the key (R17)', async () => {
    const [kms, ref] = [open('v2'), { volumeId: 'destroyed', owner: 'shop' }];
    const old = await kms.ensure(ref, none, unused);
    await kms.replace(ref, kms.newDek(), old, none, unused);
    await kms.remove(ref, none);
    expect((await fixture.bao.request('GET', 'v2/metadata/destroyed')).status).toBe(404);
  });

  test('recoverable leaves a key that can be undeleted (R17)', async () => {
    const [kms, ref] = [open('v2', { deletion: 'recoverable' }), { volumeId: 'kept', owner: 'shop' }];
    const { dek } = await kms.ensure(ref, none, unused);
    await kms.remove(ref, none);
    await expect(kms.fetch(ref, none, unused)).toRejectWithCode('KMS_KEY_NOT_FOUND');
    await fixture.bao.expectOk('PUT', 'v2/undelete/kept', { versions: [1] });
    expect((await kms.fetch(ref, none, unused)).dek.equals(dek)).toBe(true);
  });

  test('removing needs no key and no tenant: a volume without either is removed (R14)', async () => {
    await open('v2').remove({ volumeId: 'never-made', owner: '' }, none);
    await open('v1', { backend: 'kv' }).remove({ volumeId: 'never-made', owner: '' }, none);
  });

  test.each([
    ['v1', 'kv-v2'],
    ['v2', 'kv'],
  ] as const)('tells that engine %s is not %s, and leaves nothing there (trap 3)', async (mount, backend) => {
    const kms = open(mount, { backend });
    const ref = { volumeId: 'misread', owner: '' };
    await expect(kms.ensure(ref, none, unused)).toRejectWithCode('CONFIG_INVALID');
    expect((await fixture.bao.request('LIST', `${mount}/data`)).body.data?.keys ?? []).not.toContain('misread');
  });

  test('tells that nothing is mounted there, declared or detected', async () => {
    const { rootToken } = fixture.bao;
    writeFileSync(`${fixture.folder}/root`, rootToken, { mode: 0o600 });
    const auth = { method: 'token', tokenFile: `${fixture.folder}/root` } as const;
    for (const backend of ['kv', 'kv-v2', 'detect'] as const) {
      const kms = open('v2', { backendPath: 'nowhere', backend, auth });
      await expect(kms.ensure({ volumeId: 'x', owner: '' }, none, unused)).toRejectWithCode('CONFIG_INVALID');
    }
    const foreign = open('v2', { backendPath: 'sys', backend: 'detect', auth });
    await expect(foreign.ensure({ volumeId: 'x', owner: '' }, none, unused)).toRejectWithCode('CONFIG_INVALID');
  });
});
