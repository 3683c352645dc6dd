/**
 * What the constructs declare for an API server, given to the real ones: kube-apiserver reads the EncryptionConfigurations and
 * takes the static Pods, and the bundled plugin starts from the arguments and files of the Pod.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Testing } from 'cdk8s';
import { parse } from 'yaml';
import { ApiServerEncryption, KmsPluginStaticPod, TokenReviewer } from '../../lib/cdk8s';
import { decodeEncryptionConfiguration } from '../../lib/schema/encryption-configuration';
import { SchemaError } from '../../lib/schema/schema-error';
import { bundle } from '../../tools/bundle';
import { requireTool } from '../../tools/ensure';
import { createCertificateAuthority } from '../harness/certificates';
import { describeWith } from '../harness/describe-with';
import { type Kubernetes, startKubernetes } from '../harness/kubernetes';
import { type OpenBao, startOpenBao } from '../harness/openbao';
import { freePort } from '../harness/ports';
import { makeKey, makeToken } from './kms-plugin-fixture';

jest.setTimeout(300_000);

const kms = { apiVersion: 'v2', name: 'keyward', endpoint: 'unix:///run/kms/kms.sock', timeout: '1s' };
const v1 = { apiVersion: 'v1', name: 'old', endpoint: 'unix:///run/kms/old.sock', timeout: '1s' };
const identity = { identity: {} };
const kind = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration' };
const entry = (providers: readonly object[], resources: readonly string[] = ['secrets']) => ({ resources, providers });
const document = (...resources: readonly object[]) => ({ ...kind, resources });
const kmsWith = (changes: object) => document(entry([{ kms: { ...kms, ...changes } }, identity]));
const v1With = (changes: object) => document(entry([{ kms: { ...v1, ...changes } }, identity]));

describeWith(['kube-apiserver', 'openssl'], 'EncryptionConfiguration and the real kube-apiserver', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-encryption-'));
  let flags: readonly string[];
  beforeAll(async () => {
    const authority = await createCertificateAuthority(folder);
    const serving = await authority.issueServer('kube-apiserver', []);
    const signing = await authority.issueClient('service-accounts');
    flags = [
      // Nobody answers there: a server that has taken its configuration goes no further.
      ...['--etcd-servers=http://127.0.0.1:1', '--bind-address=127.0.0.1', '--v=2', `--cert-dir=${folder}`],
      ...[`--tls-cert-file=${serving.certificateFile}`, `--tls-private-key-file=${serving.keyFile}`],
      ...['--service-cluster-ip-range=10.0.0.0/24', '--service-account-issuer=https://kubernetes.default.svc'],
      `--service-account-key-file=${signing.certificateFile}`,
      `--service-account-signing-key-file=${signing.keyFile}`,
      ...['--encryption-provider-config-automatic-reload=true', '--feature-gates=KMSv1=true'],
    ];
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** What the server says of a document; undefined: it takes it, and goes on to its storage. */
  async function refusal(value: unknown): Promise<string | undefined> {
    const file = join(folder, 'encryption.json');
    writeFileSync(file, JSON.stringify(value));
    const args = [...flags, `--encryption-provider-config=${file}`, `--secure-port=${await freePort()}`];
    const child = spawn(requireTool('kube-apiserver'), args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const gone = once(child, 'close');
    let log = '';
    const taken = new Promise<'taken'>((resolve) => {
      child.stderr.on('data', (chunk: Buffer) => {
        log += chunk.toString();
        if (log.includes('Using reconciler')) resolve('taken');
      });
    });
    const outcome = await Promise.race([taken, gone.then(() => 'ended' as const)]);
    child.kill('SIGKILL');
    await gone;
    if (outcome === 'taken') return undefined;
    const error = /"command failed" err="(.*)"/.exec(log)?.[1];
    if (error !== undefined && /encryption provider|while (parsing file|building transformers)/.test(error))
      return error;
    throw new Error(`kube-apiserver ended for another reason: ${log.slice(-2_000)}`);
  }

  function isRefusedHere(value: unknown): boolean {
    try {
      decodeEncryptionConfiguration(value);
      return false;
    } catch (error) {
      if (error instanceof SchemaError) return true;
      throw error;
    }
  }

  test.each<[string, unknown]>([
    ['v2', kmsWith({})],
    ['v1 with a cache', v1With({ cachesize: 10 })],
    ['v1 without a cache', v1With({ cachesize: -1 })],
    ['a version that is left out', document(entry([{ kms: { name: 'a', endpoint: kms.endpoint } }]))],
    ['v1 with a colon in its name', v1With({ name: 'a:b' })],
    ['an abstract socket', kmsWith({ endpoint: 'unix:///@kms' })],
    ['a long duration', kmsWith({ timeout: '1m30.5s' })],
    ['v1 and v2 side by side', document(entry([{ kms }, { kms: v1 }, identity]))],
    ['resources of groups', document(entry([{ kms }], ['secrets', 'ingresses.networking.k8s.io', '*.apps']))],
    ['everything', document(entry([identity], ['events']), entry([{ kms }], ['*.*']))],
    ['the core group after one of its resources', document(entry([identity], ['events']), entry([{ kms }], ['*.']))],
    ['a resource in two entries', document(entry([{ kms }]), entry([identity]))],
  ])('takes %s, as we do', async (_, value) => {
    expect(isRefusedHere(value)).toBe(false);
    expect(await refusal(value)).toBeUndefined();
  });

  test.each<[string, unknown]>([
    ['a colon in the name', kmsWith({ name: 'a:b' })],
    ['no name', kmsWith({ name: '' })],
    ['a name twice', document(entry([{ kms }, { kms }]))],
    ['a name twice, in two entries', document(entry([{ kms }]), entry([{ kms }], ['configmaps']))],
    ['a name twice, with v1 and v2', document(entry([{ kms }, { kms: { ...v1, name: kms.name } }]))],
    ['a name twice, with v1', document(entry([{ kms: v1 }, { kms: v1 }]))],
    ['a cache with v2', kmsWith({ cachesize: 10 })],
    ['a cache of nothing', v1With({ cachesize: 0 })],
    ['a cache that no 32 bits hold', v1With({ cachesize: 2 ** 31 })],
    ['no time', kmsWith({ timeout: '0s' })],
    ['negative time', kmsWith({ timeout: '-1s' })],
    ['time without a unit', kmsWith({ timeout: '3' })],
    ['time in days', kmsWith({ timeout: '1d' })],
    ['time as a number', kmsWith({ timeout: 3 })],
    ['time beyond 64 bits', kmsWith({ timeout: '3000000h' })],
    ['no endpoint', kmsWith({ endpoint: '' })],
    ['an endpoint by TCP', kmsWith({ endpoint: 'tcp://127.0.0.1:80' })],
    ['an endpoint without scheme', kmsWith({ endpoint: '/run/kms.sock' })],
    ['another version', kmsWith({ apiVersion: 'v3' })],
    ['an unknown field', kmsWith({ timeOut: '3s' })],
    ['two providers in one', document(entry([{ kms, ...identity }]))],
    ['an empty provider', document(entry([{}]))],
    ['no providers', document(entry([]))],
    ['no resources', document(entry([identity], []))],
    ['no entries', document()],
    ['another kind', { ...document(entry([identity])), kind: 'EncryptionConfig' }],
    ['capital letters', document(entry([identity], ['Secrets']))],
    ['a bare star', document(entry([identity], ['*']))],
    ['a resource in all groups', document(entry([identity], ['secrets.*']))],
    ['a resource twice', document(entry([identity], ['secrets', 'secrets']))],
    ['a resource beside its group', document(entry([identity], ['secrets', '*.']))],
    ['a resource beside everything', document(entry([identity], ['secrets', '*.*']))],
    ['two wildcards', document(entry([identity], ['*.', '*.*']))],
    ['a resource behind its group', document(entry([identity], ['*.']), entry([{ kms }]))],
    ['a resource behind everything', document(entry([identity], ['*.*']), entry([{ kms }]))],
    ['what has no API', document(entry([identity], ['serviceipallocations']))],
    ['events by their other group', document(entry([identity], ['events.events.k8s.io']))],
    ['a group that is gone', document(entry([identity], ['ingresses.extensions']))],
  ])('refuses %s, as we do', async (_, value) => {
    expect(isRefusedHere(value)).toBe(true);
    expect(await refusal(value)).toBeDefined();
  });

  test.each<[string, unknown]>([
    ['a socket by a relative path', kmsWith({ endpoint: 'unix://run/kms.sock' })],
    ['a socket that is a directory', kmsWith({ endpoint: 'unix:///run/kms/' })],
    ['a socket with an escape', kmsWith({ endpoint: 'unix:///run/%6bms.sock' })],
    ['a socket longer than any', kmsWith({ endpoint: `unix:///${'k'.repeat(120)}` })],
  ])('refuses %s, which the server takes and can never reach', async (_, value) => {
    expect(isRefusedHere(value)).toBe(true);
    expect(await refusal(value)).toBeUndefined();
  });
});

describeWith(['kube-apiserver', 'etcd', 'openbao', 'openssl'], 'an API server from the constructs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-api-server-'));
  const executable = join(folder, 'keyward.cjs');
  const children: ChildProcess[] = [];
  let bao: OpenBao;
  let token: string;
  beforeAll(async () => {
    bundle('runtime/bin/keyward.ts', executable);
    bao = await startOpenBao();
    await makeKey(bao, 'kms');
    token = await makeToken(bao, 'kms');
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });
  afterAll(async () => {
    await bao?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const declare = (healthPort: number, given: object = {}) =>
    new ApiServerEncryption(Testing.chart(), 'encryption', {
      distribution: 'kubeadm',
      kubernetesVersion: '1.34',
      vault: { address: bao.address },
      auth: { method: 'token', tokenFile: '/etc/keyward/kms-plugin/token' },
      plugin: { health: { port: healthPort }, watch: { pollSeconds: 1 } },
      phase: 'encrypt',
      ...given,
    });

  /** Puts the files below a root of their own, and every path in them as well: what a node would hold, without being one. */
  function placeOn(root: string, encryption: ApiServerEncryption) {
    const moved = (text: string) => text.replace(/(^|[\s:/=])(\/(?:etc|var\/run)\/)/gm, `$1${root}$2`);
    for (const { path, text } of encryption.files) {
      mkdirSync(dirname(`${root}${path}`), { recursive: true });
      writeFileSync(`${root}${path}`, moved(text));
    }
    writeFileSync(`${root}/etc/keyward/kms-plugin/token`, token, { mode: 0o600 });
    const manifest = encryption.files.find(({ path }) => path.startsWith('/etc/kubernetes/manifests/'));
    const settings = parse(moved(encryption.settings.text));
    return {
      pod: parse(moved(manifest?.text ?? '')),
      flags: settings.apiServer.extraArgs.map(({ name, value }: Record<string, string>) => `--${name}=${value}`),
    };
  }

  function startPlugin(args: readonly string[]) {
    const child = spawn(process.execPath, [executable, ...args], { stdio: 'ignore', env: { PATH: process.env.PATH } });
    children.push(child);
  }

  /** What etcd holds of a Secret. */
  async function stored(kubernetes: Kubernetes, name: string): Promise<string> {
    const key = Buffer.from(`/registry/secrets/default/${name}`).toString('base64');
    const answer = await fetch(`${kubernetes.etcdUrl}/v3/kv/range`, { method: 'POST', body: JSON.stringify({ key }) });
    const { kvs } = (await answer.json()) as { kvs: { value: string }[] };
    return Buffer.from(kvs[0]?.value ?? '', 'base64').toString('latin1');
  }

  test.each([
    ['v2', {}],
    ['v1', { kmsVersion: 'v1' }],
  ] as const)(
    'KMS %s: pod, files and flags as declared start plugin and server, and etcd holds ciphertext',
    async (version, given) => {
      const encryption = declare(await freePort(), given);
      const root = mkdtempSync(join(folder, 'node-'));
      const { pod, flags } = placeOn(root, encryption);
      startPlugin(pod.spec.containers[0].args);
      const kubernetes = await startKubernetes({ apiServerArgs: flags });
      try {
        const canary = 'canary-in-etcd';
        const secret = { metadata: { name: 'encrypted' }, stringData: { value: canary } };
        await kubernetes.expectOk('POST', '/api/v1/namespaces/default/secrets', secret);
        const raw = await stored(kubernetes, 'encrypted');
        expect(raw.slice(0, 64)).toContain(`k8s:enc:kms:${version}:keyward:`);
        expect(raw).not.toContain(canary);
        const { body } = await kubernetes.expectOk('GET', '/api/v1/namespaces/default/secrets/encrypted');
        expect(Buffer.from(body.data.value, 'base64').toString()).toBe(canary);
        // The kubelet asks the port that the Pod names.
        const { httpGet } = pod.spec.containers[0].readinessProbe;
        const ready = await fetch(`http://${httpGet.host}:${httpGet.port}${httpGet.path}`);
        expect(ready.status).toBe(200);
      } finally {
        await kubernetes.stop();
      }
    },
  );

  test('the API server takes the Pods of both plugins, and the token reviewers', async () => {
    const kubernetes = await startKubernetes();
    try {
      const directory = '/etc/keyward/kms-plugin';
      const socket = { endpoint: 'unix:///var/run/kmsplugin/kms.sock' };
      const vault = { address: 'https://vault.example.com:8200' };
      const chart = Testing.chart();
      new KmsPluginStaticPod(chart, 'ours', {
        config: { vault, socket, auth: { method: 'approle', roleId: 'r', secretIdFile: `${directory}/secret-id` } },
        apiServerGroup: 65_534,
      });
      new KmsPluginStaticPod(chart, 'peer', {
        implementation: 'vault-kubernetes-kms',
        image: 'example.com/vault-kubernetes-kms:1.4.0',
        name: 'peer',
        config: { vault, socket, auth: { method: 'cert', bundleFile: `${directory}/node.pem` } },
      });
      new TokenReviewer(chart, 'far', { mode: 'reviewer-token', namespace: 'default' });
      new TokenReviewer(chart, 'own', { mode: 'vault-own-token', vault: { name: 'v', namespace: 'v' }, name: 'own' });
      // Without controllers nobody makes the account that every Pod has, also the mirror of a static one.
      await kubernetes.request('POST', '/api/v1/namespaces', { metadata: { name: 'kube-system' } });
      const account = { metadata: { name: 'default' } };
      await kubernetes.expectOk('POST', '/api/v1/namespaces/kube-system/serviceaccounts', account);
      for (const manifest of Testing.synth(chart)) {
        const query = '?dryRun=All&fieldValidation=Strict';
        await kubernetes.expectOk('POST', `${collectionOf(manifest)}${query}`, manifest);
      }
      expect(Testing.synth(chart)).toHaveLength(6);
    } finally {
      await kubernetes.stop();
    }
  });
});

function collectionOf({
  apiVersion,
  kind: of,
  metadata,
}: {
  apiVersion: string;
  kind: string;
  metadata: { namespace?: string };
}) {
  const group = apiVersion === 'v1' ? '/api/v1' : `/apis/${apiVersion}`;
  const namespace = metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`;
  return `${group}${namespace}/${of.toLowerCase()}s`;
}
