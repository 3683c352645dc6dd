/** OpenBao that talks only to who shows a certificate: the types of KMS that can show one, on the real server. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { settleKms } from '../../lib/schema/kms';
import { Kms } from '../../runtime/kms/kms';
import type { TenantDirectory } from '../../runtime/kms/tenant-directory';
import { vaultProvider } from '../../runtime/kms/vault/provider';
import { vaultTokensProvider } from '../../runtime/kms/vault-tokens/provider';
import { vaultTransitProvider } from '../../runtime/kms/vault-transit/provider';
import { Secret } from '../../runtime/secret';
import { MemoryStore } from '../conformance/kms/memory-store';
import { type CertificateAuthority, createCertificateAuthority } from '../harness/certificates';
import { describeWith } from '../harness/describe-with';
import { type OpenBao, startOpenBao } from '../harness/openbao';

jest.setTimeout(120_000);

const ref = { volumeId: 'pvc-1', owner: 'shop' };
const none = { secrets: new Map<string, Secret>() };

describeWith(['openbao', 'openssl'], 'an OpenBao that demands client certificates', () => {
  let folder: string;
  let clientCa: CertificateAuthority;
  let bao: OpenBao;
  const opened: Kms[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'keyward-client-certs-'));
    clientCa = await createCertificateAuthority(folder);
    const own = await clientCa.issueClient('operator');
    bao = await startOpenBao({ tls: true, clients: { caFile: clientCa.caFile, own } });
    await bao.expectOk('POST', 'sys/mounts/kv', { type: 'kv', options: { version: '2' } });
    await bao.expectOk('POST', 'sys/mounts/transit', { type: 'transit' });
    await bao.expectOk('POST', 'transit/keys/volumes', {});
    write('ca.pem', bao.caPem ?? '');
    write('token', bao.rootToken);
  });
  afterAll(async () => {
    for (const kms of opened) await kms.close();
    await bao?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const write = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const open = (type: 'vault' | 'vaulttransit', tls: object): Kms => {
    const connection = {
      address: bao.address,
      auth: { method: 'token', tokenFile: join(folder, 'token') },
      tls: { caFile: join(folder, 'ca.pem'), ...tls },
    } as const;
    const provider =
      type === 'vault'
        ? vaultProvider(settleKms('k', { type, ...connection, backendPath: 'kv' }))
        : vaultTransitProvider(settleKms('k', { type, ...connection, keyName: 'volumes' }));
    const kms = new Kms({ kmsId: type, attempts: 1 }, provider);
    opened.push(kms);
    return kms;
  };
  const roundTrip = async (kms: Kms): Promise<void> => {
    const store = new MemoryStore();
    using made = (await kms.ensure(ref, none, store)).dek;
    using found = (await kms.fetch(ref, none, store)).dek;
    expect(found.equals(made)).toBe(true);
  };

  test.each(['vault', 'vaulttransit'] as const)(
    '%s shows the certificate of its files, also a replaced one',
    async (type) => {
      await expect(roundTrip(open(type, {}))).toRejectWithCode('KMS_TLS_UNTRUSTED');
      const foreign = await (await createCertificateAuthority(mkdtempSync(join(folder, 'other-')))).issueClient(
        'driver',
      );
      const files = {
        clientCertFile: write('client.crt', foreign.certificatePem),
        clientKeyFile: write('client.key', foreign.keyPem),
      };
      const kms = open(type, files);
      await expect(roundTrip(kms)).toRejectWithCode('KMS_TLS_UNTRUSTED');
      const driver = await clientCa.issueClient('driver');
      write('client.crt', driver.certificatePem);
      write('client.key', driver.keyPem);
      await roundTrip(kms);
      write('client.key', 'no key');
      const error: unknown = await roundTrip(kms).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    },
  );

  test('vaulttokens shows the certificate of the Secrets that its section names', async () => {
    const driver = await clientCa.issueClient('tenants');
    const secrets = new Map<string, string>([
      ['ceph-csi-kms-token/token', bao.rootToken],
      ['ca/cert', bao.caPem ?? ''],
      ['client/cert', driver.certificatePem],
      ['client/key', driver.keyPem],
    ]);
    const directory: TenantDirectory = {
      configMap: async () => undefined,
      serviceAccountToken: async () => undefined,
      secret: async ({ name, key }) => {
        const text = secrets.get(`${name}/${key}`);
        return text === undefined ? undefined : Secret.fromText(text);
      },
    };
    const openWith = (tls: object): Kms => {
      const settings = settleKms('k', { type: 'vaulttokens', address: bao.address, backendPath: 'kv', tls });
      const kms = new Kms({ kmsId: 'k', attempts: 1 }, vaultTokensProvider(settings, { tenants: directory }));
      opened.push(kms);
      return kms;
    };
    await expect(roundTrip(openWith({ caFromSecret: 'ca' }))).toRejectWithCode('KMS_TLS_UNTRUSTED');
    await roundTrip(
      openWith({ caFromSecret: 'ca', clientCertFromSecret: 'client', clientCertKeyFromSecret: 'client' }),
    );
  });
});
