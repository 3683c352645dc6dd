/**
 * Volumes of a tenant that is gone (R14), on a real OpenBao and a real Kubernetes API: deletion succeeds, the key that
 * nobody's identity reaches is listed durably, and an operator sweeps it. The executable is the one that users run.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KmsProps } from '../../lib/schema/kms';
import { decodeVolumeParameters } from '../../lib/schema/volume-parameters';
import { KeyedLock } from '../../runtime/async/keyed-lock';
import { Semaphore } from '../../runtime/async/semaphore';
import { openLoopBackEnd } from '../../runtime/device/loop/loop-back-end';
import { KmsSet } from '../../runtime/kms/kms-set';
import { silentLog } from '../../runtime/log';
import { Cryptsetup } from '../../runtime/luks/cryptsetup';
import { Mounts } from '../../runtime/mount/mounts';
import { run } from '../../runtime/process/run';
import { TenantAgentClient } from '../../runtime/tenant-agent/client';
import type { VolumeDeps } from '../../runtime/volume/context';
import { createVolume } from '../../runtime/volume/create';
import { deleteVolume } from '../../runtime/volume/delete';
import { OrphanKeys } from '../../runtime/volume/orphans';
import { StageRecords } from '../../runtime/volume/stage-record';
import { Verifications } from '../../runtime/volume/verifications';
import { bundle } from '../../tools/bundle';
import {
  enableKubernetesAuth,
  policyFor,
  startTenantFixture,
  type TenantFixture,
} from '../conformance/kms/tenant-fixture';
import { describeWith } from '../harness/describe-with';

jest.setTimeout(180_000);

const declared = (address: string): Record<'tokens' | 'accounts' | 'kept', KmsProps> => {
  const shared = { address, backendPath: 'shared', tenantPrefix: true } as const;
  return {
    tokens: { type: 'vaulttokens', ...shared, deletion: 'recoverable' },
    accounts: { type: 'vaulttenantsa', ...shared, audience: 'vault' },
    kept: { type: 'vaulttokens', ...shared, deletion: 'keep' },
  };
};
const none = { secrets: new Map() };

describeWith(['openbao', 'etcd', 'kube-apiserver', 'openssl'], 'deletion without the tenant', () => {
  let fixture: TenantFixture;
  let deps: VolumeDeps;
  let executable: string;
  let state: string;

  beforeAll(async () => {
    fixture = await startTenantFixture(declared, { agent: { cache: { foundMs: 0, absentMs: 0 } } });
    const { bao, kubernetes, folder } = fixture;
    executable = join(folder, 'keyward.cjs');
    state = join(folder, 'state');
    await bundle('runtime/bin/keyward.ts', executable);
    await bao.expectOk('POST', 'sys/mounts/shared', { type: 'kv', options: { version: '2' } });
    await enableKubernetesAuth(fixture, 'kubernetes');
    await bao.expectOk('PUT', 'sys/policies/acl/shop', { policy: policyFor('shared', 'shop/') });
    const role = { bound_service_account_names: 'ceph-csi-vault-sa', bound_service_account_namespaces: 'shop' };
    const more = { audience: 'vault', token_policies: 'shop', token_ttl: '1h' };
    await bao.expectOk('POST', 'auth/kubernetes/role/csi-kubernetes', { ...role, ...more });
    await kubernetes.expectOk('POST', '/api/v1/namespaces/shop/serviceaccounts', {
      metadata: { name: 'ceph-csi-vault-sa' },
    });
    await newToken();
    const settings = new Map(['tokens', 'accounts', 'kept'].map((id) => [id, fixture.settings(id)]));
    const tenants = fixture.connect();
    deps = {
      backEnd: await openLoopBackEnd({ directory: join(folder, 'volumes'), nodeId: 'node-1' }, { run }),
      kms: new KmsSet(settings, {
        tenants,
        namespace: 'keyward-system',
        secrets: { read: () => Promise.reject(new Error()) },
      } as never),
      cryptsetup: new Cryptsetup({ run, parallel: new Semaphore(1) }),
      mounts: new Mounts(run),
      run,
      stages: new StageRecords(state),
      orphans: new OrphanKeys(state),
      verifications: new Verifications(state),
      locks: new KeyedLock(),
      log: silentLog,
      now: () => new Date(),
    };
  });
  afterAll(async () => {
    await deps?.kms.close();
    await fixture?.stop();
  });

  async function newToken(): Promise<void> {
    const { body } = await fixture.bao.expectOk('POST', 'auth/token/create', { policies: ['shop'], ttl: '1h' });
    await fixture.putSecret('shop', 'ceph-csi-kms-token', { token: body.auth.client_token });
  }
  let count = 0;
  const make = async (kmsId: string): Promise<string> => {
    const parameters = decodeVolumeParameters({
      encrypted: 'true',
      encryptionKMSID: kmsId,
      'csi.storage.k8s.io/pvc/namespace': 'shop',
    });
    const range = { requiredBytes: 64 * 1024 * 1024, limitBytes: 0 };
    const request = { name: `pvc-${++count}`, range, accessType: 'block' as const, parameters };
    return (await createVolume(deps, request, none)).id;
  };
  const keyAt = async (id: string) => (await fixture.bao.request('GET', `shared/data/shop/${id}`)).status;
  const metadataAt = async (id: string) => (await fixture.bao.request('GET', `shared/metadata/shop/${id}`)).status;
  const tokenSecret = '/api/v1/namespaces/shop/secrets/ceph-csi-kms-token';
  /** Beyond the seconds for which the driver believes what it saw of a tenant. */
  const notice = () => new Promise((resolve) => setTimeout(resolve, 5_500));
  const keyward = (...args: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      const all = [
        executable,
        'keys',
        'orphans',
        '--state-dir',
        state,
        '--kms-config',
        join(fixture.folder, 'kms.json'),
        ...args,
      ];
      const child = spawn(process.execPath, all, { timeout: 30_000 });
      const [out, err]: string[][] = [[], []];
      child.stdout.on('data', (chunk) => out?.push(String(chunk)));
      child.stderr.on('data', (chunk) => err?.push(String(chunk)));
      child.on('close', (status) => resolve({ status, stdout: out?.join('') ?? '', stderr: err?.join('') ?? '' }));
    });

  test('the agent as a process: serves with the flags that lib emits, and leaves nothing behind', async () => {
    const socket = join(fixture.folder, 'process.sock');
    const flags = [
      `--endpoint=unix://${socket}`,
      `--kms-config=${join(fixture.folder, 'kms.json')}`,
      '--tenant=billing',
    ];
    const access = [`--api-server=${fixture.kubernetes.url}`, `--ca=${join(fixture.folder, 'api-ca.pem')}`];
    const argv = [
      executable,
      'tenant-agent',
      ...flags,
      '--tenant=shop',
      ...access,
      `--token-file=${fixture.agentTokenFile}`,
    ];
    const child = spawn(process.execPath, argv, {
      env: { POD_NAMESPACE: 'keyward-system' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const log: string[] = [];
    child.stderr.on('data', (chunk) => log.push(String(chunk)));
    const exited = new Promise((resolve) => child.once('exit', resolve));
    const client = new TenantAgentClient({ endpoint: `unix://${socket}` });
    try {
      const ask = () =>
        client.secret({ namespace: 'shop', name: 'ceph-csi-kms-token', key: 'token' }).catch(() => undefined);
      let token = await ask();
      for (let round = 0; round < 100 && !token; round += 1) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        token = await ask();
      }
      expect(statSync(socket).mode & 0o777).toBe(0o600);
      const text = token?.use((bytes) => bytes.toString()) ?? '';
      expect(text).toMatch(/^\S+$/);
      child.kill('SIGTERM');
      expect(await exited).toBe(0);
      expect(existsSync(socket)).toBe(false);
      expect(log.join('')).not.toContain(text);
    } finally {
      client.close();
      child.kill('SIGKILL');
    }
  });

  test('with the tenant there, the key goes with the volume, and nothing is listed', async () => {
    for (const kmsId of ['tokens', 'accounts']) {
      const id = await make(kmsId);
      expect(await keyAt(id)).toBe(200);
      await deleteVolume(deps, id, none);
      expect(await keyAt(id)).toBe(404);
    }
    expect(await deps.orphans.list()).toEqual([]);
    expect(await keyward()).toMatchObject({ status: 0, stdout: '' });
  });

  test('with the policy "keep" nobody is asked, and the key stays (R17)', async () => {
    const id = await make('kept');
    await fixture.remove(tokenSecret);
    await notice();
    await deleteVolume(deps, id, none);
    expect(await keyAt(id)).toBe(200);
    expect(await deps.orphans.list()).toEqual([]);
    await newToken();
  });

  test('while Vault is away deletion waits: an outage makes no orphans', async () => {
    const id = await make('tokens');
    await fixture.bao.seal();
    await expect(deleteVolume(deps, id, none)).toRejectWithCode('KMS_SEALED');
    await fixture.bao.unseal();
    expect(await deps.orphans.list()).toEqual([]);
    await deleteVolume(deps, id, none);
    expect(await keyAt(id)).toBe(404);
  });

  test('without the tenant the volume goes, the key is listed, and swept with the operator’s token', async () => {
    const id = await make('tokens');
    await fixture.remove(tokenSecret);
    await notice();
    await deleteVolume(deps, id, none);
    await deleteVolume(deps, id, none);
    expect(await deps.backEnd.volumes.get(id)).toBeUndefined();
    expect(await keyAt(id)).toBe(200);
    expect(await new OrphanKeys(state).list()).toMatchObject([
      {
        kmsId: 'tokens',
        volumeId: id,
        owner: 'shop',
        location: { mountPath: 'shared', key: `shop/${id}`, kvVersion: 2 },
      },
    ]);

    const listed = await keyward('--output', 'json');
    expect(JSON.parse(listed.stdout)).toMatchObject([{ state: 'orphan', volumeId: id }]);
    expect((await keyward()).stdout).toContain(`orphan   ${id}  KMS tokens  tenant shop`);
    expect(await keyAt(id)).toBe(200);

    const asTenant = await keyward('--delete', '--tenant-agent', fixture.endpoint);
    expect(asTenant).toMatchObject({ status: 1 });
    expect(asTenant.stdout).toContain('SECRET_MISSING');
    const tokenFile = join(fixture.folder, 'operator');
    writeFileSync(tokenFile, 'not-a-token');
    expect(await keyward('--delete', '--vault-token-file', tokenFile)).toMatchObject({ status: 1 });
    expect(await deps.orphans.list()).toHaveLength(1);

    writeFileSync(tokenFile, fixture.bao.rootToken);
    const swept = await keyward('--delete', '--vault-token-file', tokenFile, '--output', 'json');
    expect(swept.status).toBe(0);
    expect(JSON.parse(swept.stdout)).toMatchObject([{ state: 'removed', volumeId: id }]);
    expect(`${swept.stdout}${swept.stderr}`).not.toContain(fixture.bao.rootToken);
    expect(await keyAt(id)).toBe(404);
    // The deletion policy of this KMS is "recoverable": an operator can still undelete.
    expect(await metadataAt(id)).toBe(200);
    expect(await deps.orphans.list()).toEqual([]);
    await newToken();
  });

  test('a tenant that comes back sweeps with its own identity', async () => {
    const id = await make('tokens');
    await fixture.remove(tokenSecret);
    await notice();
    await deleteVolume(deps, id, none);
    await newToken();
    expect(await keyward('--delete', '--tenant-agent', fixture.endpoint)).toMatchObject({ status: 0 });
    expect(await keyAt(id)).toBe(404);
    expect(await deps.orphans.list()).toEqual([]);
  });

  test('a tenant that moved its settings elsewhere: the key is listed, not lost', async () => {
    const id = await make('tokens');
    await fixture.putConfigMap('shop', 'ceph-csi-kms-config', { vaultBackendPath: 'elsewhere' });
    await notice();
    await deleteVolume(deps, id, none);
    expect(await deps.orphans.list()).toMatchObject([
      { volumeId: id, reason: expect.stringContaining('lead elsewhere') },
    ]);
    await fixture.remove('/api/v1/namespaces/shop/configmaps/ceph-csi-kms-config');
    expect(await keyward('--delete', '--tenant-agent', fixture.endpoint)).toMatchObject({ status: 0 });
    expect(await metadataAt(id)).toBe(200);
    expect(await keyAt(id)).toBe(404);
  });

  test('a volume that never came to be, since its tenant has no token, leaves nothing', async () => {
    await fixture.remove(tokenSecret);
    await notice();
    await expect(make('tokens')).toRejectWithCode('SECRET_MISSING');
    expect(await deps.orphans.list()).toEqual([]);
    await newToken();
  });

  test('with namespace, account and roles all gone: a live login still removes the key, a new process lists it', async () => {
    const [first, second] = [await make('accounts'), await make('accounts')];
    await fixture.remove('/api/v1/namespaces/shop/serviceaccounts/ceph-csi-vault-sa');
    await fixture.remove('/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings/keyward-csi-tenants');
    await fixture.remove('/api/v1/namespaces/shop');
    await deleteVolume(deps, first, none);
    expect(await keyAt(first)).toBe(404);
    const settings = new Map([['accounts', fixture.settings('accounts')]]);
    const kms = new KmsSet(settings, { tenants: fixture.connect() } as never);
    await deleteVolume({ ...deps, kms }, second, none);
    await kms.close();
    expect(await keyAt(second)).toBe(200);
    expect(await deps.orphans.list()).toMatchObject([{ volumeId: second, kmsId: 'accounts' }]);
    expect(readdirSync(join(state, 'orphan-keys'))).toHaveLength(1);
  });
});
