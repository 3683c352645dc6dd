import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { App } from 'cdk8s';
import { parseAllDocuments } from 'yaml';
import { checkRules } from '../../../lib/rules/check-rules';
import { decodeKmsConfig } from '../../../lib/schema/kms';
import { GitopsChart } from '../../../stacks/gitops/chart';
import { declareFolders, writeFolders } from '../../../stacks/gitops/folders';
import { type ApiServerProps, declareApiServer, writeNodes } from '../../../stacks/gitops/nodes';
import { delivery, namespace, storage } from '../../../stacks/gitops/values';
import { type Manifest, only } from '../constructs/synthesised';
import { root } from '../docs/markdown';

jest.setTimeout(300_000);

const declared = { namespace, storage, delivery };
const work = mkdtempSync(join(tmpdir(), 'keyward-gitops-'));
afterAll(() => rmSync(work, { recursive: true }));

/** What a run of the command-line tool of cdk8s leaves, by path. */
function synthesise(name: string): Readonly<Record<string, string>> {
  const outdir = join(work, name);
  const cdk8s = join(root, 'node_modules/.bin/cdk8s');
  const { status, stderr } = spawnSync(cdk8s, ['synth', '--check-upgrade=false', `--output=${outdir}`], {
    cwd: root,
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([0, expect.any(String)]);
  const files = readdirSync(outdir, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.yaml'));
  return Object.fromEntries(files.sort().map((path) => [path, readFileSync(join(outdir, path), 'utf8')]));
}

const folders = declareFolders(new App(), declared) as ReadonlyMap<string, readonly Manifest[]>;
const folder = (name: string): readonly Manifest[] => {
  const found = folders.get(name);
  if (found === undefined) throw new Error(`the stack has no folder ${name}`);
  return found;
};
const all = [...folders.values()].flat();
const annotationOf = (manifest: Manifest, name: string) =>
  (manifest.metadata as { annotations?: Record<string, string> }).annotations?.[name];

describe('stacks/gitops', () => {
  test('cdk8s synth writes one folder for each application, and the same bytes twice', () => {
    const first = synthesise('one');
    expect(Object.keys(first)).toEqual(
      ['argo-cd', 'classes', 'driver', 'flux', 'namespace', 'tenants', 'vault'].map((it) => `${it}/${it}.k8s.yaml`),
    );
    expect(synthesise('two')).toEqual(first);
  });

  test('every object that is declared is written: none is lost to another of its kind and name', () => {
    const outdir = join(work, 'direct');
    writeFolders(outdir, folders);
    const written = [...folders.keys()].flatMap((name) =>
      parseAllDocuments(readFileSync(join(outdir, name, `${name}.k8s.yaml`), 'utf8')).map((it): unknown => it.toJS()),
    );
    expect(written).toEqual(JSON.parse(JSON.stringify(all)));
    const names = all.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
    expect(folder('tenants').filter(({ kind }) => kind === 'Role')).toHaveLength(3);
  });

  test('refuses what a construct or a rule refuses, and writes nothing then', () => {
    const run = (change: Partial<typeof storage>) => () =>
      declareFolders(new App({ outdir: join(work, 'wrong') }), { ...declared, storage: { ...storage, ...change } });
    expect(run({ tenants: [] })).toThrow('tenants: got none');
    const roles = {
      'csi-kubernetes': {
        boundServiceAccountNames: ['volume-keys'],
        boundServiceAccountNamespaces: ['billing', 'shop'],
        tokenPolicies: [],
      },
    };
    const config = { kubernetesHost: 'https://kubernetes.default.svc', reviewer: { mode: 'vault-own-token' } } as const;
    const vault = {
      owner: 'other',
      namespaces: { '': { auth: { kubernetes: { type: 'kubernetes', config, roles } } } },
    } as const;
    expect(run({ rules: { vault } })).toThrow('KW06');
    expect(readdirSync(work)).not.toContain('wrong');
  });

  test('has a namespace where privileged pods may run, which neither controller prunes', () => {
    expect(folder('namespace')).toHaveLength(1);
    expect(only(all, 'Namespace').metadata).toEqual({
      name: 'keyward-system',
      labels: { 'pod-security.kubernetes.io/enforce': 'privileged' },
      annotations: {
        'argocd.argoproj.io/sync-options': 'Prune=false',
        'argocd.argoproj.io/sync-wave': '-2',
        'kustomize.toolkit.fluxcd.io/prune': 'disabled',
      },
    });
  });

  test('has two KMSs and two classes; each tenant has an account and a role', () => {
    const data = only(folder('driver'), 'ConfigMap', 'keyward-csi-kms').data as Record<string, string>;
    expect([...decodeKmsConfig(data['config.json'] ?? '').values()].map(({ type }) => type)).toEqual([
      'metadata',
      'vaulttenantsa',
    ]);
    const names = folder('classes').map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(names.sort()).toEqual([
      ...['StorageClass encrypted', 'StorageClass encrypted-tenant'],
      ...['VolumeSnapshotClass encrypted', 'VolumeSnapshotClass encrypted-tenant'],
    ]);
    const accounts = folder('tenants').filter(({ kind }) => kind === 'ServiceAccount');
    expect(accounts.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)).toEqual([
      'billing/volume-keys',
      'shop/volume-keys',
    ]);
  });

  test('Argo CD: waves order the objects of one Application, and the Applications of one that holds them', () => {
    const wave = (manifest: Manifest) => Number(annotationOf(manifest, 'argocd.argoproj.io/sync-wave') ?? 0);
    const wavesIn = (name: string) => [...new Set(folder(name).map(wave))];
    expect(['namespace', 'vault', 'driver', 'tenants', 'classes'].map(wavesIn)).toEqual([[-2], [-1], [0], [1], [1]]);
    expect(folder('argo-cd').map((it) => [it.metadata.name, wave(it)])).toEqual([
      ['keyward-namespace', -2],
      ['keyward-vault', -1],
      ['keyward-driver', 0],
      ['keyward-tenants', 1],
      ['keyward-classes', 1],
    ]);
  });

  test('Flux: each Kustomization waits for those that it depends on, and every one of them is there', () => {
    const kustomizations = folder('flux').map(({ metadata, spec }) => {
      const { dependsOn = [], wait, path } = spec as { dependsOn?: { name: string }[]; wait: boolean; path: string };
      return { name: metadata.name, after: dependsOn.map(({ name }) => name), wait, path };
    });
    const at = (part: string, ...after: string[]) => ({
      name: `keyward-${part}`,
      after: after.map((it) => `keyward-${it}`),
      wait: true,
      path: `./dist/gitops/${part}`,
    });
    expect(kustomizations).toEqual([
      at('namespace'),
      at('vault', 'namespace'),
      at('driver', 'vault'),
      at('tenants', 'driver'),
      at('classes', 'driver'),
    ]);
  });

  test('without a Vault of its own the driver waits for the namespace, and a controller that is left out has no folder', () => {
    const { vaultState: _, ...kept } = storage;
    const { flux } = delivery;
    const found = declareFolders(new App(), {
      namespace,
      storage: kept,
      delivery: { path: 'p', ...(flux && { flux }) },
    }) as typeof folders;
    expect([...found.keys()]).toEqual(['namespace', 'driver', 'tenants', 'classes', 'flux']);
    expect(found.get('flux')?.find(({ metadata }) => metadata.name === 'keyward-driver')?.spec).toMatchObject({
      dependsOn: [{ name: 'keyward-namespace' }],
    });
  });

  const apiServer: ApiServerProps = {
    distribution: 'kubeadm',
    kubernetesVersion: '1.34',
    vault: { address: 'https://vault.example.com:8200', caFile: '/etc/keyward/kms-plugin/ca.pem' },
    auth: {
      method: 'approle',
      roleIdFile: '/etc/keyward/kms-plugin/role-id',
      secretIdFile: '/etc/keyward/kms-plugin/secret-id',
    },
    phase: 'encrypt',
  };

  test('R3: the API server is encrypted from the same values: one Job for Vault, and files that no controller applies', () => {
    const app = new App();
    const encryption = declareApiServer(app, apiServer);
    const found = declareFolders(app, { ...declared, apiServer: encryption }) as typeof folders;
    expect([...found.keys()]).toEqual([...folders.keys()]);
    const stateOf = (from: typeof folders) => {
      const [text = ''] = Object.values(only(from.get('vault') ?? [], 'ConfigMap').data as Record<string, string>);
      return JSON.parse(text);
    };
    const [state, without] = [stateOf(found), stateOf(folders)];
    const { mounts, auth } = state.namespaces[''];
    expect(Object.keys(mounts)).toEqual([...Object.keys(without.namespaces[''].mounts), 'transit']);
    expect(auth.approle.roles).toHaveProperty('kms');
    expect([found.get('vault')?.filter(({ kind }) => kind === 'Job').length, state.owner]).toEqual([1, without.owner]);

    const outdir = join(work, 'encrypted');
    writeNodes(outdir, encryption);
    const written = readdirSync(join(outdir, 'nodes'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => relative(join(outdir, 'nodes'), join(parentPath, name)));
    expect(written.sort()).toEqual([
      'kubeadm.yaml',
      'root/etc/keyward/kms-plugin/kms-plugin-config.yaml',
      'root/etc/kubernetes/encryption/encryption-configuration.yaml',
      'root/etc/kubernetes/manifests/kms-plugin.yaml',
    ]);
    for (const path of written) {
      const text = readFileSync(join(outdir, 'nodes', path), 'utf8');
      const same = encryption.files.find((file) => `root${file.path}` === path) ?? encryption.settings;
      expect(text).toBe(same.text);
    }
    const applied = JSON.stringify([...found.values()].flat());
    expect(applied).not.toMatch(/EncryptionConfiguration|kms-plugin/);
  });

  test('trap 13: refuses for the API server the Vault that runs in its own cluster', () => {
    const { address } = storage.kms.tenants as { readonly address: string };
    expect(() => declareApiServer(new App(), { ...apiServer, vault: { address } })).toThrow('trap 13');
  });

  test('R4: passes all rules beside its state of the Vault, whichever token Vault reviews with', () => {
    const { passphrase, tenants } = storage.kms;
    if (tenants.type !== 'vaulttenantsa') throw new Error('the stack shows a KMS that comes as the tenant');
    const { audience: _, ...withoutAudience } = tenants;
    const login = {
      kubernetesHost: 'https://api.example.com:6443',
      kubernetesCaCert: 'PEM',
      reviewer: { mode: 'client-token' },
    } as const;
    const elsewhere = {
      ...storage,
      kms: { passphrase, tenants: withoutAudience },
      vaultState: { ...storage.vaultState, login },
    };
    for (const props of [storage, elsewhere]) {
      const chart = new GitopsChart(new App(), 'keyward', namespace, props);
      const { vaultState: vault } = chart.storage;
      expect(vault).toBeDefined();
      expect(checkRules({ objects: chart.toJson(), ...(vault && { vault }) })).toEqual([]);
    }
  });

  test('R11, trap 15: has no Secret and no value of one', () => {
    expect(all.some(({ kind }) => kind === 'Secret')).toBe(false);
    expect(JSON.stringify(all)).not.toMatch(/stringData|hvs\.|BEGIN [A-Z ]*PRIVATE KEY/);
  });
});
