import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openKmsConfig, readKmsConfig, readRuntimeConfig } from '../../../runtime/driver/config-files';
import { CodedError } from '../../../runtime/errors';
import { createLog } from '../../../runtime/log';

const silent = createLog('error', { write: () => undefined });
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keyward-config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const backend = { type: 'loop', directory: '/var/lib/keyward' };
const vault = {
  encryptionKMSType: 'vault',
  vaultAddress: 'https://v:8200',
  vaultPassphrasePath: 'p',
  vaultAuthMethod: 'token',
  vaultTokenFile: '/t',
};

async function failure(read: (path: string) => Promise<unknown>, content: unknown): Promise<CodedError> {
  const path = join(folder, 'config.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  const error = await read(path).catch((thrown: unknown) => thrown);
  if (!(error instanceof CodedError)) throw new Error('it was accepted');
  return error;
}

test('a sound configuration is read, and cannot be changed afterwards', async () => {
  const path = join(folder, 'config.json');
  writeFileSync(path, JSON.stringify({ backend }));
  const config = await readRuntimeConfig(path);
  expect(config).toMatchObject({ backend, log: { level: 'info' } });
  expect(Object.isFrozen(config) && Object.isFrozen(config.backend)).toBe(true);
});

describe('the configuration of the driver is refused, naming the key', () => {
  test.each<readonly [string, unknown, RegExp]>([
    ['an unknown key', { backend, colour: 'red' }, /colour/],
    ['a misspelt key, with what was meant', { backend, cryptsteup: {} }, /cryptsteup[\s\S]*cryptsetup/],
    ['a misspelt key inside', { backend: { ...backend, directroy: '/x' } }, /backend\.directroy[\s\S]*directory/],
    ['a wrong type', { backend, cryptsetup: { parallel: 'two' } }, /cryptsetup\.parallel/],
    ['a number out of range', { backend, cryptsetup: { parallel: 0 } }, /cryptsetup\.parallel/],
    ['a word that is none of the allowed', { backend, log: { level: 'loud' } }, /log\.level/],
    ['a relative directory', { backend: { type: 'loop', directory: 'volumes' } }, /backend\.directory/],
    ['a missing part', {}, /backend/],
    ['no JSON', '{ "backend": ', /JSON/],
  ])('%s', async (_, content, naming) => {
    const error = await failure(readRuntimeConfig, content);
    expect(() => {
      throw error;
    }).toThrowWithCode('CONFIG_INVALID');
    expect(error.summary).toMatch(naming);
    expect(error.message).toContain('config.json');
    expect(error.remedy).not.toBe('');
  });
});

describe('the KMS configuration is refused, naming the KMS and the key', () => {
  test.each<readonly [string, unknown, RegExp]>([
    ['trap 1: a boolean that is no boolean of Go', { eu: { ...vault, vaultCAVerify: 'yes' } }, /eu\.vaultCAVerify/],
    [
      'trap 1: a true boolean where the dialect has text',
      { eu: { ...vault, vaultCAVerify: false } },
      /eu\.vaultCAVerify/,
    ],
    ['an unknown key', { eu: { ...vault, vaultColour: 'red' } }, /eu\.vaultColour/],
    ['a misspelt key, with what was meant', { eu: { ...vault, vaultRoel: 'r' } }, /eu\.vaultRoel[\s\S]*vaultRole/],
    ['an unknown type', { eu: { encryptionKMSType: 'valut' } }, /eu\.encryptionKMSType[\s\S]*vault/],
    ['no type', { eu: {} }, /eu\.encryptionKMSType/],
    ['a missing address', { eu: { ...vault, vaultAddress: undefined } }, /eu\.vaultAddress/],
  ])('%s', async (_, content, naming) => {
    const error = await failure(readKmsConfig, content);
    expect(() => {
      throw error;
    }).toThrowWithCode('CONFIG_INVALID');
    expect(error.summary).toMatch(naming);
  });
});

test('R11: what a file holds is not quoted when it cannot be read', async () => {
  const error = await failure(readKmsConfig, '{"eu": {"vaultToken": "canary", }');
  expect(`${error.summary}${String(error.cause)}`).not.toContain('canary');
});

test('a file that is not there is told by its path', async () => {
  const path = join(folder, 'none.json');
  await expect(readRuntimeConfig(path)).toRejectWithCode('CONFIG_UNREADABLE');
  await expect(readKmsConfig(path)).rejects.toThrow(path);
});

describe('a KMS configuration that comes later', () => {
  const content = JSON.stringify({ eu: vault });

  test('is awaited: until then each question is answered with what is missing, and who brings it', async () => {
    const path = join(folder, 'kms.json');
    const kms = await openKmsConfig(path, silent);
    expect(() => kms.get('eu')).toThrowWithCode('CONFIG_UNREADABLE');
    expect(() => kms.values()).toThrow(path);
    writeFileSync(path, content);
    expect(kms.get('eu')).toMatchObject({ type: 'vault' });
    expect([...kms.keys()]).toEqual(['eu']);
  });

  test('is not read again: a change of it replaces the pod', async () => {
    const path = join(folder, 'kms.json');
    writeFileSync(path, content);
    const kms = await openKmsConfig(path, silent);
    rmSync(path);
    expect(kms.get('eu')).toBeDefined();
  });

  test('refuses what is wrong when it comes, and takes it when it is mended', async () => {
    const path = join(folder, 'kms.json');
    const kms = await openKmsConfig(path, silent);
    writeFileSync(path, '{"eu": {}}');
    expect(() => kms.get('eu')).toThrowWithCode('CONFIG_INVALID');
    writeFileSync(path, content);
    expect(kms.get('eu')).toBeDefined();
  });

  test('refuses at once what is there and cannot be read', async () => {
    await expect(openKmsConfig(folder, silent)).toRejectWithCode('CONFIG_UNREADABLE');
  });
});
