/** TLS material of a tenant: shown to a server that demands it, held in memory, and replaced when it changes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { settleKms } from '../../../../lib/schema/kms';
import { Kms } from '../../../../runtime/kms/kms';
import type { TenantDirectory } from '../../../../runtime/kms/tenant-directory';
import { vaultTokensProvider } from '../../../../runtime/kms/vault-tokens/provider';
import { Secret } from '../../../../runtime/secret';
import { MemoryStore } from '../../../conformance/kms/memory-store';
import { type CertificateAuthority, createCertificateAuthority } from '../../../harness/certificates';
import { describeWith } from '../../../harness/describe-with';

describeWith(['openssl'], 'a client certificate of a tenant', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-client-cert-'));
  const secrets = new Map<string, string>();
  const seen: string[] = [];
  let authority: CertificateAuthority;
  let server: Server;
  let kms: Kms;

  beforeAll(async () => {
    authority = await createCertificateAuthority(folder);
    const own = await authority.issueServer('vault');
    const options = {
      cert: own.certificatePem,
      key: own.keyPem,
      ca: authority.caPem,
      requestCert: true,
      rejectUnauthorized: true,
    };
    server = createServer(options, (request, response) => {
      seen.push((request.socket as TLSSocket).getPeerCertificate().subject.CN?.toString() ?? '');
      const entry = { data: { data: { data: { passphrase: 'the key' } }, metadata: { version: 1 } } };
      response.end(JSON.stringify(request.url?.includes('lookup-self') ? { data: { ttl: 0 } } : entry));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const directory: TenantDirectory = {
      configMap: async () => undefined,
      serviceAccountToken: async () => undefined,
      secret: async ({ name, key }) => {
        const value = secrets.get(`${name}/${key}`);
        return value === undefined ? undefined : Secret.fromText(value);
      },
    };
    const tls = { caFromSecret: 'ca', clientCertFromSecret: 'client', clientCertKeyFromSecret: 'client' } as const;
    const address = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const settings = settleKms('k', { type: 'vaulttokens', address, tls });
    kms = new Kms({ kmsId: 'k', attempts: 1 }, vaultTokensProvider(settings, { tenants: directory }));
    secrets.set('ceph-csi-kms-token/token', 'a-token');
    secrets.set('ca/cert', authority.caPem);
  });
  afterAll(async () => {
    await kms?.close();
    server?.closeAllConnections();
    server?.close();
    rmSync(folder, { recursive: true });
  });
  const fetch = () => kms.fetch({ volumeId: 'pvc', owner: 'shop' }, { secrets: new Map() }, new MemoryStore());

  test('is missing, is no key, is shown, is replaced', async () => {
    await expect(fetch()).toRejectWithCode('SECRET_MISSING');
    const [one, two] = [await authority.issueClient('one'), await authority.issueClient('two')];
    secrets.set('client/cert', one.certificatePem);
    secrets.set('client/key', 'no key at all');
    await expect(fetch()).toRejectWithCode('CONFIG_INVALID');
    secrets.set('client/key', one.keyPem);
    await fetch();
    expect(new Set(seen.splice(0))).toEqual(new Set(['one']));
    secrets.set('client/cert', two.certificatePem);
    secrets.set('client/key', two.keyPem);
    await new Promise((resolve) => setTimeout(resolve, 5_100));
    await fetch();
    expect(new Set(seen.splice(0))).toEqual(new Set(['two']));
    const error: unknown = await fetch().catch((reason: unknown) => reason);
    expect(String(error)).not.toContain('PRIVATE KEY');
  }, 20_000);
});
