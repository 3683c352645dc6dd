import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kubeconfigEndpoint } from '../../../runtime/kubernetes/kubeconfig';

const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('a kubeconfig', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-kubeconfig-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const ca = { 'certificate-authority-data': base64('the CA') };
  const kubeconfig = (cluster: object, user: object) => ({
    'current-context': 'here',
    contexts: [{ name: 'here', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster: { server: 'https://api:6443', ...cluster } }],
    users: [{ name: 'u', user }],
  });

  test('with a client certificate, as kubeadm makes it', async () => {
    const user = { 'client-certificate-data': base64('certificate'), 'client-key-data': base64('canary-key') };
    const { address, readCredentials } = kubeconfigEndpoint(kubeconfig(ca, user), folder);
    expect(address).toBe('https://api:6443');
    const { caPem, client, token } = await readCredentials();
    expect({ caPem, token, certificate: client?.certificatePem }).toEqual({
      caPem: 'the CA',
      token: undefined,
      certificate: 'certificate',
    });
    expect(client?.key.use((bytes) => bytes.toString())).toBe('canary-key');
    expect(JSON.stringify(client)).not.toContain('canary-key');
  });

  test('with files beside it, which are read at each use', async () => {
    writeFileSync(join(folder, 'ca.pem'), 'one');
    const { readCredentials } = kubeconfigEndpoint(
      kubeconfig({ 'certificate-authority': 'ca.pem', 'tls-server-name': 'api' }, { token: ' a-token\n' }),
      folder,
    );
    expect(await readCredentials()).toMatchObject({ caPem: 'one', serverName: 'api' });
    writeFileSync(join(folder, 'ca.pem'), 'two');
    expect((await readCredentials()).caPem).toBe('two');
    expect((await readCredentials()).token?.use((bytes) => bytes.toString())).toBe('a-token');
    rmSync(join(folder, 'ca.pem'));
    await expect(readCredentials()).toRejectWithCode('CONFIG_UNREADABLE');
  });

  test.each([
    ['no object', 'canary'],
    ['another context', { ...kubeconfig(ca, { token: 'canary' }), 'current-context': 'gone' }],
    ['no credentials of its own', kubeconfig(ca, { exec: { command: 'aws' } })],
    ['unverified TLS (trap 8)', kubeconfig({ 'insecure-skip-tls-verify': true }, { token: 'canary' })],
    ['a proxy', kubeconfig({ ...ca, 'proxy-url': 'http://proxy' }, { token: 'canary' })],
    ['an address that is none', kubeconfig({ ...ca, server: 'http://api' }, { token: 'canary' })],
    ['a CA that is no base64', kubeconfig({ 'certificate-authority-data': 'canary!' }, { token: 'canary' })],
  ])('refuses one with %s, and shows nothing of it', (_, document) => {
    let error: unknown;
    try {
      kubeconfigEndpoint(document, folder);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(String(error)).not.toContain('canary');
  });

  test.each([
    ['no CA', kubeconfig({}, { token: 'x' })],
    ['a certificate without its key', kubeconfig(ca, { 'client-certificate-data': base64('x') })],
  ])('refuses one with %s when it is used', async (_, document) => {
    await expect(kubeconfigEndpoint(document, folder).readCredentials()).toRejectWithCode('CONFIG_INVALID');
  });
});
