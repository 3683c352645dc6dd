/**
 * What `cdk8s synth` writes for stacks/gitops, on a real API server and a real OpenBao: the documents are taken in their order,
 * the Job makes OpenBao ready, and the runtime keeps keys of tenants with the emitted documents, accounts and roles alone.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readKmsConfig } from '../../runtime/driver/config-files';
import { kubernetesSide } from '../../runtime/driver/kubernetes-side';
import { KmsSet } from '../../runtime/kms/kms-set';
import { Secret } from '../../runtime/secret';
import { namespace } from '../../stacks/gitops/values';
import { bundle } from '../../tools/bundle';
import type { LocalPod } from '../../tools/local-pod/local-pod';
import { MemoryStore } from '../conformance/kms/memory-store';
import { bindBootstrapRole } from '../harness/bootstrap-role';
import { describeWith } from '../harness/describe-with';
import { type Kubernetes, startKubernetes } from '../harness/kubernetes';
import { type OpenBao, startOpenBao } from '../harness/openbao';
import { applyServerSide, installCrds } from '../harness/server-side-apply';
import { type Folder, Pods, synthesised, valuesFor } from './gitops-cluster';

jest.setTimeout(300_000);

const noSecrets = { secrets: new Map<string, Secret>() };

describeWith(['etcd', 'kube-apiserver', 'openbao', 'openssl'], 'stacks/gitops on a cluster', () => {
  const work = mkdtempSync(join(tmpdir(), 'keyward-gitops-'));
  const auditFile = join(work, 'audit.log');
  const executable = join(work, 'keyward.cjs');
  let kubernetes: Kubernetes;
  let bao: OpenBao;
  let pods: Pods;
  let agent: LocalPod | undefined;
  let kms: KmsSet | undefined;
  let closeTenants = () => {};
  let folders: readonly Folder[];
  let versions: readonly string[];

  beforeAll(async () => {
    bundle('runtime/bin/keyward.ts', executable);
    [kubernetes, bao] = await Promise.all([
      startKubernetes({ apiServerArgs: ['--allow-privileged=true'] }),
      startOpenBao({ tls: true, auditFile }),
    ]);
    await installCrds(kubernetes);
    // The tenants' own, and those of the controllers.
    for (const name of ['billing', 'shop', 'argocd', 'flux-system'])
      await kubernetes.expectOk('POST', '/api/v1/namespaces', { metadata: { name } });
    folders = synthesised(valuesFor(bao, kubernetes), join(work, 'manifests'));
    const ca = { namespace, name: 'vault-ca', data: { cert: Secret.fromText(bao.caPem ?? '') } };
    pods = new Pods(kubernetes, [ca], executable);
  });
  afterAll(async () => {
    await kms?.close();
    closeTenants();
    await agent?.stop();
    await bao?.stop();
    await kubernetes?.stop();
    rmSync(work, { recursive: true });
    if (pods) rmSync(pods.folder, { recursive: true });
  });

  const applyAll = async () => {
    const applied: { readonly what: string; readonly status: number; readonly version: string }[] = [];
    for (const { name: folder, objects } of folders) {
      for (const manifest of objects) {
        const { status, body } = await applyServerSide(kubernetes, manifest);
        const what = `${folder}: ${manifest.kind} ${manifest.metadata.namespace ?? ''}/${manifest.metadata.name}`;
        if (status >= 300) throw new Error(`${what}: ${status} ${body.message}`);
        applied.push({ what, status, version: `${what} ${body.metadata.resourceVersion}` });
      }
    }
    return applied;
  };
  const jobName = () => {
    const job = folders.flatMap(({ objects }) => objects).find(({ kind }) => kind === 'Job');
    if (job === undefined) throw new Error('the stack has no Job');
    return job.metadata.name;
  };
  /** What was asked of OpenBao that can change something, logins aside. */
  const writes = () =>
    readFileSync(auditFile, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter(({ type, request }) => type === 'request' && ['create', 'update', 'delete'].includes(request.operation))
      .map(({ request }) => `${request.operation} ${request.path}`)
      .filter((each) => !each.endsWith('/login'));
  /** The authorizer learns of new roles by watching. */
  const until = async (wanted: number, ask: () => Promise<{ readonly status: number }>) => {
    let { status } = await ask();
    for (let left = 600; left > 0 && status !== wanted; left -= 1) {
      await sleep(100);
      ({ status } = await ask());
    }
    expect(status).toBe(wanted);
  };

  test('R18: every document is taken in the emitted order, and a second time changes none', async () => {
    expect(folders.map(({ name }) => name)).toEqual([
      ...['namespace', 'vault', 'driver', 'tenants', 'classes'],
      ...['argo-cd', 'flux'],
    ]);
    const first = await applyAll();
    expect(first.filter(({ status }) => status !== 201)).toEqual([]);
    versions = first.map(({ version }) => version);
    expect((await applyAll()).map(({ version }) => version)).toEqual(versions);
  });

  test('R20: the Job makes OpenBao ready as its service account, and a second run writes nothing', async () => {
    const refused = await pods.runJob(jobName());
    expect([refused.status, refused.stdout]).toEqual([1, '']);
    const server = { url: kubernetes.url, caPem: kubernetes.caPem, token: kubernetes.adminToken };
    await bindBootstrapRole(bao, server, { name: 'keyward-vault-keyward', namespace });
    const made = await pods.runJob(jobName());
    expect([made.status, made.stderr]).toEqual([0, expect.stringContaining('sys/mounts/tenants')]);
    const before = writes();
    expect(before).toContain('update sys/mounts/tenants');
    expect(await pods.runJob(jobName())).toMatchObject({ status: 0, stdout: expect.stringContaining('no change') });
    expect(writes()).toEqual(before);
  });

  test('R14: with the emitted documents alone the runtime stores, fetches and removes a key of a tenant', async () => {
    const cert = bao.caPem ?? '';
    const secret = { metadata: { name: 'vault-ca' }, stringData: { cert } };
    await kubernetes.expectOk('POST', `/api/v1/namespaces/${namespace}/secrets`, secret);
    agent = await pods.startAgent();
    const flags = await pods.driver();
    const flag = (name: string) => {
      const value = flags.get(name);
      if (value === undefined) throw new Error(`the driver is not told --${name}`);
      return value;
    };
    expect(flag('tenant-agent')).toBe(`unix://${agent.sockets.get('endpoint')}`);
    const side = kubernetesSide({
      secretsDirectory: flag('secrets-dir'),
      tenantAgentEndpoint: flag('tenant-agent'),
      podNamespace: namespace,
    });
    ({ closeTenants } = side);
    const { secrets, tenants } = side;
    const deps = { secrets, podNamespace: namespace, ...(tenants && { tenants }) };
    kms = new KmsSet(await readKmsConfig(flag('kms-config')), deps);

    const token = await pods.driverToken();
    const self = await kubernetes.serviceAccountToken('shop', 'volume-keys');
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token: self } };
    await until(200, () => kubernetes.request('GET', '/api/v1/namespaces/shop', undefined, { token }));
    await until(201, () =>
      kubernetes.request('POST', '/apis/authentication.k8s.io/v1/tokenreviews', review, { token: self }),
    );

    const store = new MemoryStore();
    const ofTenants = kms.get('tenants');
    const ref = { volumeId: 'pvc-1', owner: 'shop' };
    const made = await ofTenants.ensure(ref, noSecrets, store);
    expect((await ofTenants.fetch(ref, noSecrets, store)).dek.equals(made.dek)).toBe(true);
    expect((await bao.request('GET', 'tenants/data/shop/pvc-1')).status).toBe(200);
    const foreign = { volumeId: 'pvc-1', owner: 'billing' };
    await expect(ofTenants.fetch(foreign, noSecrets, store)).toRejectWithCode('KMS_KEY_NOT_FOUND');
    await ofTenants.remove(ref, noSecrets);
    await expect(ofTenants.fetch(ref, noSecrets, store)).toRejectWithCode('KMS_KEY_NOT_FOUND');

    const given = { secrets: new Map([['encryptionPassphrase', Secret.fromText('a passphrase of the storage')]]) };
    const wrapped = await kms.get('passphrase').ensure(ref, given, store);
    expect((await kms.get('passphrase').fetch(ref, given, store)).dek.equals(wrapped.dek)).toBe(true);
  });

  test('R14: the identity of one tenant reads no key of another, and the driver’s none that is not named', async () => {
    const ofTenants = kms?.get('tenants');
    for (const owner of ['shop', 'billing'])
      await ofTenants?.ensure({ volumeId: 'pvc-2', owner }, noSecrets, new MemoryStore());
    const jwt = await kubernetes.serviceAccountToken('shop', 'volume-keys');
    const login = { role: 'csi-kubernetes', jwt };
    const { body } = await bao.expectOk('POST', 'auth/kubernetes/login', login, { token: null });
    const token: string = body.auth.client_token;
    const read = async (owner: string) =>
      (await bao.request('GET', `tenants/data/${owner}/pvc-2`, undefined, { token })).status;
    expect(await read('shop')).toBe(200);
    expect(await read('billing')).toBe(403);
    expect((await bao.request('LIST', 'tenants/metadata/', undefined, { token })).status).toBe(403);

    const driver = { token: await pods.driverToken() };
    const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };
    await kubernetes.expectOk('POST', '/api/v1/namespaces/shop/serviceaccounts', { metadata: { name: 'other' } });
    const tokenOf = async (name: string) =>
      (await kubernetes.request('POST', `/api/v1/namespaces/shop/serviceaccounts/${name}/token`, request, driver))
        .status;
    expect([await tokenOf('volume-keys'), await tokenOf('other')]).toEqual([201, 403]);
  });

  test('and after all that the documents are as they were: nothing has drifted', async () => {
    expect((await applyAll()).map(({ version }) => version)).toEqual(versions);
  });
});
