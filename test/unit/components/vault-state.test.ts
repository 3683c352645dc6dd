import { isSecret, secret } from '@pulumi/pulumi';
import type { RegisterResourceRequest } from '@pulumi/pulumi/proto/resource_pb';
import { MockMonitor } from '@pulumi/pulumi/runtime/mocks';
import { VaultState, type VaultStateArgs } from '../../../lib/pulumi';
import { onlyOf, type Recording, recorded } from './recorded';

type State = VaultStateArgs['state'];

const kubernetesHost = 'https://kubernetes.default.svc';
const kubernetesCaCert = '-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n';

const state: State = {
  owner: 'keyward',
  namespaces: {
    '': {
      mounts: {
        keys: { type: 'kv', version: 2, maxVersions: 3 },
        transit: { type: 'transit', keys: { etcd: { autoRotatePeriod: 86_400 } } },
      },
      policies: { reader: { rules: [{ path: 'keys/data/*', capabilities: ['read'] }] } },
      auth: { approle: { type: 'approle', roles: { plugin: { tokenPolicies: ['reader'] } } } },
      quotas: { csi: { path: 'keys/', rate: 100 } },
      audit: { log: { type: 'file', options: { file_path: '/dev/null' } } },
    },
    team: {
      mounts: { keys: { type: 'kv', version: 1 } },
      policies: { templated: { rules: [{ path: 'keys/{{accessor:auth/pods}}', capabilities: ['read'] }] } },
      auth: {
        pods: {
          type: 'kubernetes',
          config: { kubernetesHost, reviewer: { mode: 'vault-own-token' } },
          roles: { csi: { boundServiceAccountNames: ['csi'], boundServiceAccountNamespaces: ['storage'] } },
        },
      },
    },
    'team/inner': { mounts: { keys: { type: 'kv', version: 2 } } },
  },
};

function record(args: VaultStateArgs, options = {}): Promise<Recording> {
  return recorded(() => new VaultState('vault', args, options));
}

function children({ registrations }: Recording) {
  return registrations.filter(({ type }) => type.startsWith('vault:'));
}

/** The state with one Kubernetes auth method in a reviewer mode. */
function reviewedBy(mode: 'client-token' | 'reviewer-token', ca: string | undefined): State {
  const reviewer =
    mode === 'client-token' ? { mode } : { mode, tokenReviewerJwt: { secret: { name: 'reviewer', key: 'token' } } };
  const config = { kubernetesHost, reviewer, ...(ca !== undefined && { kubernetesCaCert: ca }) };
  return { owner: 'keyward', namespaces: { '': { auth: { kubernetes: { type: 'kubernetes', config } } } } };
}

describe('VaultState', () => {
  afterEach(() => jest.restoreAllMocks());

  test('registers each part of the state once, as its child, under a name made of kind and path', async () => {
    const recording = await record({ state });
    const component = 'urn:pulumi:test::keyward::keyward:index:VaultState::vault';
    expect(children(recording).map(({ type, name, parent }) => [type.split(':').at(-1), name, parent])).toEqual(
      [
        ['AuthBackendRole', 'vault/approle/approle/plugin'],
        ['Audit', 'vault/audit/log'],
        ['AuthBackend', 'vault/auth/approle'],
        ['AuthBackend', 'vault/auth/team/pods'],
        ['Mount', 'vault/mount/keys'],
        ['Mount', 'vault/mount/team/inner/keys'],
        ['Mount', 'vault/mount/team/keys'],
        ['Mount', 'vault/mount/transit'],
        ['Namespace', 'vault/namespace/team'],
        ['Namespace', 'vault/namespace/team/inner'],
        ['Policy', 'vault/policy/reader'],
        ['Policy', 'vault/policy/team/templated'],
        ['QuotaRateLimit', 'vault/quota/csi'],
        ['AuthBackendConfig', 'vault/kubernetes-config/team/pods'],
        ['AuthBackendRole', 'vault/kubernetes-role/team/pods/csi'],
        ['SecretBackendV2', 'vault/kv-config/keys'],
        ['SecretBackendKey', 'vault/transit-key/transit/etcd'],
      ].map((row) => [...row, component]),
    );
  });

  test('what is in a namespace says so and waits for it; a namespace is made in the one above', async () => {
    const recording = await record({ state });
    const inner = onlyOf(recording, 'vault:index/namespace:Namespace', '/inner');
    expect(inner.inputs).toEqual({ path: 'inner', namespace: 'team' });
    expect(inner.dependencies.join()).toContain('vault/namespace/team');
    const mount = onlyOf(recording, 'vault:index/mount:Mount', 'inner/keys');
    expect(mount.inputs).toMatchObject({ path: 'keys', namespace: 'team/inner', options: { version: '2' } });
    expect(mount.dependencies.join()).toContain('vault/namespace/team/inner');
  });

  test('namespaces, engines and transit keys are protected unless the program says otherwise', async () => {
    const kept = async (args: Partial<VaultStateArgs>) =>
      children(await record({ state, ...args })).flatMap(({ name, protect }) => (protect ? [name.split('/')[1]] : []));
    expect(new Set(await kept({}))).toEqual(new Set(['mount', 'namespace', 'transit-key']));
    expect(await kept({ protect: false })).toEqual([]);
  });

  test('a templated policy waits for the auth method, and has its accessor', async () => {
    const policy = onlyOf(await record({ state }), 'vault:index/policy:Policy', 'templated');
    expect(policy.dependencies.join()).toContain('vault/auth/team/pods');
    expect(policy.inputs.policy).toContain('keys/accessor-of-vault/auth/team/pods');
  });

  test('a quota waits for the engines; what the component waits for, every resource waits for', async () => {
    const recording = await recorded(() => {
      const first = new VaultState('first', { state: { owner: 'keyward', namespaces: {} } });
      new VaultState('vault', { state }, { dependsOn: first });
    });
    const quota = onlyOf(recording, 'vault:index/quotaRateLimit:QuotaRateLimit');
    expect(quota.dependencies.join()).toContain('vault/mount/keys');
  });

  test('an alias goes to the engine', async () => {
    const recording = await record({ state }, { aliases: [{ name: 'old' }] });
    expect(onlyOf(recording, 'keyward:index:VaultState').aliases).toEqual(['old']);
  });

  test('role id and secret id are outputs by path of the role, and secret', async () => {
    const ids = await new Promise<readonly boolean[]>((resolve, reject) => {
      recorded(async () => {
        const vault = new VaultState('vault', { state, secretIdsFor: ['approle/plugin'] });
        const outputs = [vault.roleIds['approle/plugin'], vault.secretIds['approle/plugin']];
        resolve(await Promise.all(outputs.map(async (output) => output !== undefined && (await isSecret(output)))));
      }).catch(reject);
    });
    expect(ids).toEqual([true, true]);
  });

  test.each(['client-token', 'reviewer-token'] as const)(
    'the mode %s keeps Vault from its own token (R4)',
    async (mode) => {
      const reviewerJwts = mode === 'reviewer-token' ? { kubernetes: secret('token of the reviewer') } : {};
      const recording = await record({ state: reviewedBy(mode, kubernetesCaCert), reviewerJwts });
      const { inputs } = onlyOf(recording, 'vault:kubernetes/authBackendConfig:AuthBackendConfig');
      expect(inputs).toMatchObject({ disableLocalCaJwt: true, kubernetesCaCert: kubernetesCaCert.trim() });
      expect('tokenReviewerJwt' in inputs && inputs.tokenReviewerJwt !== null).toBe(mode === 'reviewer-token');
    },
  );

  test.each([
    ['a token that is missing', { state: reviewedBy('reviewer-token', kubernetesCaCert) }, /reviewerJwts.*R4/],
    [
      'a token that no mode wants',
      { state: reviewedBy('client-token', kubernetesCaCert), reviewerJwts: { kubernetes: 'token' } },
      /reviewerJwts.*R4/,
    ],
    ['a mode without the CA', { state: reviewedBy('client-token', undefined) }, /kubernetesCaCert.*R4/],
    ['a token for a method that is not there', { state, reviewerJwts: { pods: 'token' } }, /reviewerJwts: got "pods"/],
    ['a secret id for a role that is not there', { state, secretIdsFor: ['approle/plug'] }, /secretIdsFor: got/],
    [
      'a role with a policy that is not there',
      {
        state: {
          owner: 'keyward',
          namespaces: {
            '': { auth: { approle: { type: 'approle', roles: { plugin: { tokenPolicies: ['raeder'] } } } } },
          },
        } as const,
      },
      /trap 4/,
    ],
  ])('refuses %s, before anything is registered', async (_name, args: VaultStateArgs, message) => {
    const registered = jest.spyOn(MockMonitor.prototype, 'registerResource');
    await expect(record(args)).rejects.toThrow(message);
    const types = registered.mock.calls.map(([request]) => (request as RegisterResourceRequest).getType());
    expect(types.filter((type) => type !== 'pulumi:pulumi:Stack')).toEqual([]);
  });
});
