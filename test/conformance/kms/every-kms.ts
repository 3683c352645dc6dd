/**
 * KMS types at once, each with one configuration on its real server or its declared fake, for tests that go through the
 * table. What is particular to a type is in the conformance test of that type.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  type KmsProps,
  type KmsSettings,
  type KmsType,
  settleKms,
  webIdentityTokenFile,
} from '../../../lib/schema/kms';
import { startAzureFake } from '../../harness/azure-fake';
import { startIbmFake } from '../../harness/ibm-fake';
import { motoRegion, startMoto } from '../../harness/moto';
import { type OpenBao, startOpenBao } from '../../harness/openbao';
import { startPyKmip } from '../../harness/pykmip';
import { enableKubernetesAuth, policyFor, startTenantFixture, type TenantFixture } from './tenant-fixture';

/** What a test of all types names in `describeWith`. */
export const everyKmsTools = ['openbao', 'etcd', 'kube-apiserver', 'openssl', 'moto', 'pykmip'] as const;

/** Types whose identities are tenants': they alone need an API server. */
const ofTenants = ['vaulttokens', 'vaulttenantsa'] as const;
type OfTenants = (typeof ofTenants)[number];
export const typesOfTenants: readonly KmsType[] = ofTenants;

export interface EveryKms {
  /** Each type under its own name. */
  readonly settings: ReadonlyMap<KmsType, KmsSettings>;
  /** Where the tenant agent listens; undefined without the types of tenants. */
  readonly tenantAgent: string | undefined;
  stop(): Promise<void>;
}

export interface EveryKmsOptions {
  readonly putSecret: PutSecret;
  /** For a token of the driver. */
  readonly folder: string;
  /** Whether the types of tenants are among them. */
  readonly tenants: boolean;
}

/** Mounts a Secret for the driver, or for the tenant `shop`. */
export type PutSecret = (namespace: string, name: string, data: Readonly<Record<string, string>>) => void;

type Served = { readonly props: KmsProps; readonly stop?: () => Promise<void> };

/** In the namespace of the driver. */
const driverNamespace = 'keyward';
const tenant = 'shop';

/** For volumes of the tenant `shop`. Writes the web identity token of the pod, so only root may call it. */
export async function startEveryKms({ putSecret, folder, tenants }: EveryKmsOptions): Promise<EveryKms> {
  const begun: Pick<Served, 'stop'>[] = [];
  const stop = async () => {
    for (const { stop } of begun) await stop?.();
  };
  const started = async <S extends Pick<Served, 'stop'>>(starting: Promise<S>): Promise<S> => {
    const served = await starting;
    begun.unshift(served);
    return served;
  };
  try {
    const fixture = tenants ? await started(tenantTypes()) : undefined;
    const bao = fixture?.bao ?? (await started(plainBao())).bao;
    const cloud = await started(aws(putSecret));
    const all: { readonly [T in Exclude<KmsType, OfTenants>]: KmsProps } & { readonly [T in OfTenants]?: KmsProps } = {
      ...(await vaults(bao, folder)),
      ...(fixture && {
        vaulttokens: fixture.settings('vaulttokens'),
        vaulttenantsa: fixture.settings('vaulttenantsa'),
      }),
      'aws-metadata': cloud.props,
      'aws-sts-metadata': cloud.sts,
      metadata: metadata(putSecret),
      'azure-kv': (await started(azure(putSecret))).props,
      ibmkeyprotect: (await started(ibm(putSecret))).props,
      kmip: (await started(kmip(putSecret))).props,
    };
    const settings = Object.entries(all).map(
      ([id, props]) => [id as KmsType, settleKms(id, props) as KmsSettings] as const,
    );
    return { settings: new Map(settings), tenantAgent: fixture?.endpoint, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function plainBao() {
  const bao = await startOpenBao();
  return { bao, stop: () => bao.stop() };
}

async function tenantTypes(): Promise<TenantFixture> {
  const common = { backend: 'kv-v2', tenantPrefix: true } as const;
  const fixture = await startTenantFixture((address) => ({
    vaulttokens: { type: 'vaulttokens', address, backendPath: 'tokens', ...common },
    vaulttenantsa: { type: 'vaulttenantsa', address, backendPath: 'accounts', audience: 'vault', ...common },
  }));
  try {
    await prepareTokens(fixture);
    await prepareAccounts(fixture);
    return fixture;
  } catch (error) {
    await fixture.stop();
    throw error;
  }
}

async function prepareTokens({ bao, putSecret }: TenantFixture): Promise<void> {
  await bao.expectOk('POST', 'sys/mounts/tokens', { type: 'kv', options: { version: '2' } });
  await bao.expectOk('PUT', 'sys/policies/acl/tokens', { policy: policyFor('tokens', `${tenant}/`) });
  const { body } = await bao.expectOk('POST', 'auth/token/create', { policies: ['tokens'], ttl: '6h' });
  await putSecret(tenant, 'ceph-csi-kms-token', { token: body.auth.client_token });
}

async function prepareAccounts(fixture: TenantFixture): Promise<void> {
  const { bao, kubernetes } = fixture;
  const name = 'ceph-csi-vault-sa';
  await kubernetes.expectOk('POST', `/api/v1/namespaces/${tenant}/serviceaccounts`, { metadata: { name } });
  await bao.expectOk('POST', 'sys/mounts/accounts', { type: 'kv', options: { version: '2' } });
  await enableKubernetesAuth(fixture, 'kubernetes');
  await bao.expectOk('PUT', 'sys/policies/acl/accounts', { policy: policyFor('accounts', `${tenant}/`) });
  await bao.expectOk('POST', 'auth/kubernetes/role/csi-kubernetes', {
    bound_service_account_names: name,
    bound_service_account_namespaces: tenant,
    audience: 'vault',
    token_policies: 'accounts',
    token_ttl: '6h',
  });
}

async function vaults(bao: OpenBao, folder: string) {
  const { address } = bao;
  const tokenFile = join(folder, 'vault-token');
  const auth = { method: 'token', tokenFile } as const;
  writeFileSync(tokenFile, bao.rootToken, { mode: 0o600 });
  await bao.expectOk('POST', 'sys/mounts/keys', { type: 'kv', options: { version: '2' } });
  await bao.expectOk('POST', 'sys/mounts/transit', { type: 'transit' });
  await bao.expectOk('POST', 'transit/keys/volumes', {});
  return {
    vault: { type: 'vault', address, auth, backend: 'kv-v2', backendPath: 'keys' },
    vaulttransit: { type: 'vaulttransit', address, auth, keyName: 'volumes' },
  } as const;
}

function metadata(putSecret: PutSecret): KmsProps {
  putSecret(tenant, 'storage-encryption', { encryptionPassphrase: 'a passphrase of the tenant' });
  return { type: 'metadata', secretName: 'storage-encryption' };
}

/** Both AWS types on one server, which takes any signature. */
async function aws(putSecret: PutSecret): Promise<Served & { readonly sts: KmsProps }> {
  const moto = await startMoto();
  const keyArn = await moto.createKey();
  const roleArn = await moto.createRole('tenant', { Effect: 'Allow', Action: 'kms:*', Resource: '*' });
  putSecret(driverNamespace, 'aws', {
    AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'example',
    AWS_CMK_ARN: keyArn,
  });
  putSecret(tenant, 'aws-role', { awsRoleARN: roleArn, awsCMKARN: keyArn, awsRegion: motoRegion });
  mkdirSync(dirname(webIdentityTokenFile), { recursive: true });
  writeFileSync(webIdentityTokenFile, 'header.payload.signature');
  const endpointUrl = moto.address;
  return {
    props: { type: 'aws-metadata', region: motoRegion, secretName: 'aws', endpointUrl },
    sts: { type: 'aws-sts-metadata', secretName: 'aws-role', endpointUrl },
    stop: () => moto.stop(),
  };
}

async function azure(putSecret: PutSecret): Promise<Served> {
  const fake = await startAzureFake();
  const subject = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=keyward', '-days', '2'];
  const pem = execFileSync('openssl', [...subject, '-keyout', '-', '-out', '-'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  fake.certificates.push(pem);
  putSecret(driverNamespace, 'azure', { CLIENT_CERT: pem });
  const { address, clientId, tenantId } = fake;
  return {
    props: { type: 'azure-kv', vaultUrl: address, authorityHost: address, clientId, tenantId, secretName: 'azure' },
    stop: () => fake.stop(),
  };
}

async function ibm(putSecret: PutSecret): Promise<Served> {
  const fake = await startIbmFake();
  putSecret(driverNamespace, 'ibm', {
    IBM_KP_SERVICE_API_KEY: fake.apiKey,
    IBM_KP_CUSTOMER_ROOT_KEY: fake.rootKeyId,
  });
  const { instanceId: serviceInstanceId, address: baseUrl, tokenUrl } = fake;
  return {
    props: { type: 'ibmkeyprotect', serviceInstanceId, baseUrl, tokenUrl, secretName: 'ibm' },
    stop: () => fake.stop(),
  };
}

async function kmip(putSecret: PutSecret): Promise<Served> {
  const server = await startPyKmip();
  const node = await server.client('csi-node');
  putSecret(driverNamespace, 'kmip', {
    CA_CERT: server.ca.caPem,
    CLIENT_CERT: node.certificatePem,
    CLIENT_KEY: node.keyPem,
    UNIQUE_IDENTIFIER: await server.createKey(node),
  });
  return { props: { type: 'kmip', endpoint: server.endpoint, secretName: 'kmip' }, stop: () => server.stop() };
}
