import { type KmsSettings, settleKms } from '../../../lib/schema/kms';
import { KmsSet } from '../../../runtime/kms/kms-set';
import { mountedSecrets } from '../../../runtime/kms/mounted-secrets';

const settings = new Map<string, KmsSettings>([
  ['zeta', settleKms('zeta', { type: 'metadata' })],
  [
    'alpha',
    settleKms('alpha', { type: 'vault', address: 'https://vault:8200', auth: { method: 'token', tokenFile: '/t' } }),
  ],
]);
const make = () => new KmsSet(settings, { secrets: mountedSecrets('/nowhere') });

test('makes each KMS once, of the family of its type', () => {
  const set = make();
  expect(set.get('zeta')).toBe(set.get('zeta'));
  expect([set.get('zeta').family, set.get('alpha').family]).toEqual(['wraps', 'stores']);
});

test('refuses an unknown id and names the known ones', () => {
  expect(() => make().get('default')).toThrowWithCode('KMS_UNKNOWN');
  expect(() => make().get('default')).toThrow(/alpha, zeta/);
  expect(() => new KmsSet(new Map(), { secrets: mountedSecrets('/nowhere') }).get('x')).toThrow(/none/);
});

test('closes what it made, and gives nothing afterwards', async () => {
  const set = make();
  const kms = set.get('zeta');
  await set.close();
  expect(() => set.get('zeta')).toThrowWithCode('SHUTTING_DOWN');
  await expect(kms.remove({ volumeId: 'a', owner: '' }, { secrets: new Map() })).toRejectWithCode('SHUTTING_DOWN');
});
