import { Testing } from 'cdk8s';
import { VaultBootstrapJob, type VaultBootstrapJobProps } from '../../../lib/cdk8s';
import { decodeVaultState, type VaultState } from '../../../lib/vault/state';
import { type Manifest, only, synthesised } from './synthesised';

const state = (auth: object = {}): VaultState => ({
  owner: 'platform',
  namespaces: { '': { mounts: { kv: { type: 'kv', version: 2 } }, auth: auth as never } },
});
const props: VaultBootstrapJobProps = {
  state: state(),
  server: { address: 'https://vault:8200', ca: { configMap: 'vault-ca' } },
  login: { method: 'kubernetes', role: 'bootstrap', mount: 'clusters/a', audience: 'vault' },
  namespace: 'storage',
};
const remote = (tokenReviewerJwt: object) => ({
  remote: {
    type: 'kubernetes',
    config: {
      kubernetesHost: 'https://k',
      kubernetesCaCert: 'pem',
      reviewer: { mode: 'reviewer-token', tokenReviewerJwt },
    },
  },
});

function make(changed: Partial<VaultBootstrapJobProps> = {}) {
  const chart = Testing.chart();
  const job = new VaultBootstrapJob(chart, 'vault', { ...props, ...changed });
  const manifests = synthesised(chart);
  return { job, manifests, pod: podOf(only(manifests, 'Job')) };
}

interface Pod {
  readonly containers: readonly [
    { readonly args: readonly string[]; readonly volumeMounts: readonly { readonly mountPath: string }[] },
  ];
  readonly volumes: readonly Record<string, unknown>[];
}
function podOf(job: Manifest): Pod {
  return (job as unknown as { spec: { template: { spec: Pod } } }).spec.template.spec;
}

describe('VaultBootstrapJob', () => {
  test('R3: carries the state, and runs keyward vault apply with it as its own service account', () => {
    const { job, manifests, pod } = make();
    const map = only(manifests, 'ConfigMap', job.name);
    expect(decodeVaultState(JSON.parse((map.data as Record<string, string>)['state.json'] ?? ''))).toEqual(props.state);
    expect(pod.containers[0].args).toEqual([
      'vault',
      'apply',
      '--state=/etc/keyward/vault/state.json',
      '--address=https://vault:8200',
      '--ca-cert=/etc/keyward/vault-ca/ca.crt',
      '--auth-method=kubernetes',
      '--auth-mount=clusters/a',
      '--role=bootstrap',
      '--jwt-file=/var/run/secrets/kubernetes.io/serviceaccount/token',
      '--secrets-dir=/etc/keyward/secrets',
      '--secrets-namespace=storage',
    ]);
    expect(only(manifests, 'ServiceAccount').metadata.name).toBe(job.serviceAccount.name);
    expect(manifests).toMatchSnapshot();
  });

  test('trap 10: has another name when anything in it is other, and the same when nothing is', () => {
    const names = [
      make().job.name,
      make().job.name,
      make({ state: { ...state(), owner: 'other' }, name: 'keyward-vault-platform' }).job.name,
      make({ image: 'keyward:next' }).job.name,
      make({ adopt: ['sys/mounts/kv'] }).job.name,
    ];
    expect(names[0]).toBe(names[1]);
    expect(new Set(names).size).toBe(4);
  });

  test('comes before what names no sync wave, and annotations can say otherwise', () => {
    const wave = (annotations?: Record<string, string>) =>
      make(annotations && { annotations }).manifests.map(
        ({ metadata }) => (metadata as unknown as { annotations: Record<string, string> }).annotations,
      );
    expect(new Set(wave().map((each) => each['argocd.argoproj.io/sync-wave']))).toEqual(new Set(['-1']));
    expect(wave({ 'argocd.argoproj.io/sync-wave': '-7' })[0]?.['argocd.argoproj.io/sync-wave']).toBe('-7');
  });

  test('R11: mounts credentials as files, and has none in its arguments', () => {
    const token = make({ login: { method: 'token', secret: { name: 'vault-root', key: 'root' } } }).pod;
    expect(token.containers[0].args).toContain('--token-file=/etc/keyward/vault-login/token');
    expect(token.volumes).toContainEqual({
      name: 'login',
      secret: { secretName: 'vault-root', items: [{ key: 'root', path: 'token' }], defaultMode: 0o440 },
    });
    const approle = make({ login: { method: 'approle', secret: { name: 'vault-approle' } } }).pod;
    expect(approle.containers[0].args).toEqual(
      expect.arrayContaining([
        '--role-id-file=/etc/keyward/vault-login/role-id',
        '--secret-id-file=/etc/keyward/vault-login/secret-id',
      ]),
    );
  });

  test('R4: mounts the reviewer token where apply looks for it', () => {
    const { pod } = make({ state: state(remote({ secret: { name: 'reviewer', key: 'token' } })) });
    expect(pod.volumes).toContainEqual({
      name: 'secrets',
      projected: {
        sources: [{ secret: { name: 'reviewer', items: [{ key: 'token', path: 'storage/reviewer/token' }] } }],
        defaultMode: 0o440,
      },
    });
  });

  test.each<readonly [string, Partial<VaultBootstrapJobProps>, RegExp]>([
    [
      'a plain http address (trap 8)',
      { server: { address: 'http://vault:8200' } },
      /server\.address: got "http:.*trap 8/,
    ],
    [
      'a Secret of another namespace (R3)',
      { state: state(remote({ secret: { name: 'r', namespace: 'x', key: 'k' } })) },
      /R3/,
    ],
    [
      'a secret in a file of nobody knows where',
      { state: state(remote({ file: '/tmp/token' })) },
      /tokenReviewerJwt.*R3/,
    ],
    ['a name that leaves no room for the hash', { name: 'n'.repeat(53) }, /name: got 53 letters; allowed: up to 52/],
    [
      'a state whose parts do not fit together (trap 4)',
      { state: state({ a: { type: 'approle', roles: { r: { tokenPolicies: ['x'] } } } }) },
      /trap 4/,
    ],
    [
      'a state that no ConfigMap holds',
      {
        state: {
          owner: 'o',
          namespaces: {
            '': {
              mounts: Object.fromEntries(
                Array.from(
                  { length: 1_200 },
                  (_, i) => [`m${i}`, { type: 'kv', version: 1, description: 'd'.repeat(1_000) }] as const,
                ),
              ),
            },
          },
        },
      },
      /state: got \d+ bytes; allowed: up to 1000000/,
    ],
  ])('refuses %s', (_, changed, text) => {
    expect(() => make(changed)).toThrow(text);
  });
});
