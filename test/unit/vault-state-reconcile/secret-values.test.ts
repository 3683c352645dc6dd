import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '../../../runtime/secret';
import { isTraceOf, readSecretValue, traceOf } from '../../../runtime/vault/reconcile/secret-values';

const value = () => Secret.fromText('header.payload.signature');

test('R11: the trace of a value tells it from others, differs each time, and does not hold it', () => {
  const [one, other] = [traceOf(value()), traceOf(value())];
  expect(one).not.toBe(other);
  for (const trace of [one, other]) {
    expect(isTraceOf(trace, value())).toBe(true);
    expect(isTraceOf(trace, Secret.fromText('header.payload.other'))).toBe(false);
    expect(trace).not.toContain('payload');
  }
  for (const none of [undefined, '', 'x', one.slice(0, -3)]) expect(isTraceOf(none, value())).toBe(false);
});

describe('a value that the state names', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-values-'));
  mkdirSync(join(folder, 'storage/reviewer'), { recursive: true });
  writeFileSync(join(folder, 'storage/reviewer/token'), 'abc\n');
  afterAll(() => rmSync(folder, { recursive: true }));
  const text = (secret: Secret) => secret.use((bytes) => bytes.toString());

  test('is read from a file, or from the folder of mounted Secrets', async () => {
    const secret = { name: 'reviewer', key: 'token' };
    const places = { directory: folder };
    expect(text(await readSecretValue({ file: join(folder, 'storage/reviewer/token') }, places))).toBe('abc');
    expect(text(await readSecretValue({ secret }, { ...places, namespace: 'storage' }))).toBe('abc');
    expect(text(await readSecretValue({ secret: { ...secret, namespace: 'storage' } }, places))).toBe('abc');
  });

  test('refuses a Secret that is named without a namespace when there is none to take, and one that is not mounted', async () => {
    const secret = { name: 'reviewer', key: 'token' };
    const read = (namespace?: string) =>
      readSecretValue({ secret }, { directory: folder, ...(namespace !== undefined && { namespace }) });
    await expect(read()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(read('elsewhere')).rejects.toMatchObject({ code: 'CONFIG_UNREADABLE' });
  });
});
