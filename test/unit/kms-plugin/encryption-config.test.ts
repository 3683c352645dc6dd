import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { settleKmsPluginConfig } from '../../../lib/schema/kms-plugin';
import { checkEncryptionConfig } from '../../../runtime/kms-plugin/doctor/encryption-config';

const folder = mkdtempSync(join(tmpdir(), 'keyward-encryption-config-'));
const file = join(folder, 'config.yaml');
afterAll(() => rmSync(folder, { recursive: true }));

const config = settleKmsPluginConfig({
  vault: { address: 'https://vault' },
  auth: { method: 'token' },
  socket: { endpoint: 'unix:///run/kms.sock' },
  api: { v1: false },
});
const kms = (entry: object) => ({
  kms: { apiVersion: 'v2', name: 'vault', endpoint: 'unix:///run/kms.sock', ...entry },
});
const check = (...providers: object[]) => {
  const resources = [{ resources: ['secrets'], providers }];
  writeFileSync(file, JSON.stringify({ kind: 'EncryptionConfiguration', resources }));
  return checkEncryptionConfig(file, config);
};

test('finds nothing wrong where nothing is', async () => {
  expect(await check(kms({}), { identity: {} })).toMatchObject([{ result: 'ok' }]);
});

test.each([
  ['another endpoint', [kms({ endpoint: 'unix:///run/other.sock' })], 'failed', /no provider/],
  ['a version that is not served', [kms({ apiVersion: 'v1' })], 'failed', /does not serve v1/],
  ['a colon in the name', [kms({ name: 'a:b' })], 'failed', /colon/],
  ['cachesize with v2', [kms({ cachesize: 10 })], 'failed', /cachesize/],
  ['a timeout that is too short', [kms({ timeout: '1s500ms' })], 'warning', /gives up/],
  ['a provider that does not write', [{ identity: {} }, kms({})], 'warning', /not the first/],
  ['identity before another provider', [kms({}), { identity: {} }, { aescbc: {} }], 'warning', /not the last/],
] as const)('names %s', async (_, providers, result, detail) => {
  const findings = await check(...providers);
  expect(findings.find((each) => detail.test(each.detail))?.result).toBe(result);
});

test.each([
  ['no file', undefined],
  ['no YAML', 'kind: ['],
  ['another kind', 'kind: Pod'],
])('refuses %s', async (_, text) => {
  rmSync(file, { force: true });
  if (text !== undefined) writeFileSync(file, text);
  expect(await checkEncryptionConfig(file, config)).toMatchObject([{ result: 'failed' }]);
});
