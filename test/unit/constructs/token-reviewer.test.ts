import { Chart, Testing } from 'cdk8s';
import { TokenReviewer, type TokenReviewerProps } from '../../../lib/constructs/token-reviewer';
import { only, synthesised } from './synthesised';

function make(props: TokenReviewerProps) {
  const chart = new Chart(Testing.app(), 'chart', { namespace: 'other' });
  const reviewer = new TokenReviewer(chart, 'reviewer', props);
  return { reviewer, manifests: synthesised(chart) };
}
const vault = { name: 'vault', namespace: 'vault' };

describe('TokenReviewer', () => {
  test('R4: a long-lived token of an account that may review tokens and do nothing else', () => {
    const { reviewer, manifests } = make({ mode: 'reviewer-token', namespace: 'vault-auth' });
    expect(manifests).toMatchSnapshot();
    expect(reviewer.token).toEqual({ name: 'vault-token-reviewer', namespace: 'vault-auth', key: 'token' });
    // The cluster fills it in.
    expect(only(manifests, 'Secret')).not.toHaveProperty('data');
    expect(only(manifests, 'Secret')).not.toHaveProperty('stringData');
  });

  test.each<[string, TokenReviewerProps, object[]]>([
    ['vault-own-token', { mode: 'vault-own-token', vault }, [vault]],
    [
      'client-token',
      { mode: 'client-token', clients: [vault, { name: 'csi', namespace: 'storage' }] },
      [vault, { name: 'csi', namespace: 'storage' }],
    ],
  ])('R4: in the mode %s only the binding is made, for the accounts that show their token', (_, props, accounts) => {
    const { reviewer, manifests } = make(props);
    expect(manifests.map(({ kind }) => kind)).toEqual(['ClusterRoleBinding']);
    const binding = only(manifests, 'ClusterRoleBinding');
    expect(binding.subjects).toEqual(accounts.map((account) => ({ kind: 'ServiceAccount', ...account })));
    expect(binding.roleRef).toMatchObject({ kind: 'ClusterRole', name: 'system:auth-delegator' });
    expect(binding.metadata.namespace).toBeUndefined();
    expect(reviewer.token).toBeUndefined();
  });

  test('R4, trap 6: refuses client tokens without clients', () => {
    expect(() => make({ mode: 'client-token', clients: [] })).toThrow('(R4, trap 6)');
  });

  test('R18: a mode without what it needs does not compile', () => {
    // @ts-expect-error the mode needs the account of Vault
    const props: TokenReviewerProps = { mode: 'vault-own-token' };
    expect(() => make(props)).toThrow();
  });
});
