/** KMS type `vault` against the conformance suite on a real OpenBao with TLS: both engines, detection, a namespace. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KeyReference } from '../../../runtime/kms/provider';
import { vaultProvider } from '../../../runtime/kms/vault/provider';
import { Secret } from '../../../runtime/secret';
import { createCertificateAuthority } from '../../harness/certificates';
import { describeWith } from '../../harness/describe-with';
import { describeKmsProvider, type KmsHarness } from './kms-conformance';
import { startVaultFixture, type VaultFixture } from './vault-fixture';

jest.setTimeout(120_000);

const none = { secrets: new Map<string, Secret>() };

describeWith(['openbao', 'openssl'], 'on OpenBao', () => {
  let fixture: VaultFixture;

  beforeAll(async () => {
    fixture = await startVaultFixture({ tls: true });
    await fixture.bao.expectOk('PUT', 'sys/namespaces/team-a', {});
  });
  afterAll(() => fixture?.stop());

  const versioned = { family: 'stores', isAtomic: true } as const;
  const plain = { family: 'stores', isAtomic: false } as const;

  /** With the CA from a file, and the faults that a token and a CA can have. */
  const harness = async (
    props: Partial<Parameters<VaultFixture['settings']>[0]>,
    tokenFile: string,
  ): Promise<KmsHarness> => {
    const make = (changed: object = {}) =>
      vaultProvider(
        fixture.settings({
          auth: { method: 'token', tokenFile },
          tls: { caFile: fixture.caFile },
          ...props,
          ...changed,
        }),
      );
    const file = (name: string, content: string) => {
      writeFileSync(join(fixture.folder, name), content);
      return join(fixture.folder, name);
    };
    const token = (tokenFile: string) => ({ auth: { method: 'token', tokenFile } });
    const foreignCa = (await createCertificateAuthority(fixture.folder)).caPem;
    return {
      makeProvider: () => make(),
      context: () => none,
      faults: [
        { name: 'dead token', code: 'KMS_DENIED', makeProvider: () => make(token(file('dead', 's.nosuchtokenatall'))) },
        {
          name: 'no token',
          code: 'CONFIG_UNREADABLE',
          makeProvider: () => make(token(join(fixture.folder, 'absent'))),
        },
        { name: 'empty token', code: 'CONFIG_UNREADABLE', makeProvider: () => make(token(file('empty', ' \n'))) },
        {
          name: 'another CA',
          code: 'KMS_TLS_UNTRUSTED',
          makeProvider: () => make({ tls: { caFile: file('foreign.pem', foreignCa) } }),
        },
        { name: 'the CAs of the system', code: 'KMS_TLS_UNTRUSTED', makeProvider: () => make({ tls: {} }) },
        {
          name: 'another server name',
          code: 'KMS_TLS_UNTRUSTED',
          makeProvider: () => make({ tls: { caFile: fixture.caFile, serverName: 'vault.example.com' } }),
        },
        {
          name: 'a CA that is none',
          code: 'CONFIG_INVALID',
          makeProvider: () => make({ tls: { caFile: file('broken.pem', 'not a certificate') } }),
        },
      ],
    };
  };

  describeKmsProvider('vault (KV v2, keys destroyed)', versioned, async () =>
    harness({ backend: 'kv-v2', backendPath: 'v2', passphrasePath: 'ceph-csi/' }, await fixture.prepare('v2', 2)),
  );

  describeKmsProvider('vault (KV v2 in a namespace, keys recoverable)', versioned, async () =>
    harness(
      { backend: 'kv-v2', backendPath: 'soft/', namespace: 'team-a', deletion: 'recoverable' },
      await fixture.prepare('soft', 2, 'team-a'),
    ),
  );

  describeKmsProvider('vault (KV v2 in a namespace, detected)', versioned, async () =>
    harness(
      { backend: 'detect', backendPath: 'found2', namespace: 'team-a' },
      await fixture.prepare('found2', 2, 'team-a'),
    ),
  );

  describeKmsProvider('vault (KV v1, detected)', plain, async () =>
    harness({ backend: 'detect', backendPath: 'found1/' }, await fixture.prepare('found1', 1)),
  );

  describeKmsProvider('vault (KV v1, CA from the request)', plain, async () => {
    const auth = { method: 'token', tokenFile: await fixture.prepare('v1', 1) } as const;
    const settings = () =>
      fixture.settings({ backend: 'kv', backendPath: 'v1', auth, tls: { caFromSecret: 'vault-ca' } });
    const ca = (pem: string) => (_: KeyReference) => ({ secrets: new Map([['vault-ca', Secret.fromText(pem)]]) });
    return {
      makeProvider: () => vaultProvider(settings()),
      context: ca(fixture.bao.caPem ?? ''),
      faults: [
        { name: 'no CA', code: 'SECRET_MISSING', context: () => none },
        { name: 'an empty CA', code: 'SECRET_MISSING', context: ca('') },
        { name: 'a CA that is none', code: 'CONFIG_INVALID', context: ca('secret text in the wrong place') },
      ],
    };
  });
});
