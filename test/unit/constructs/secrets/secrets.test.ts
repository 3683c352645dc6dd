import { Chart, Testing } from 'cdk8s';
import {
  DevOnlyInlineSecret,
  type DevOnlyInlineSecretProps,
  ExternalSecret,
  type ExternalSecretProps,
} from '../../../../lib/cdk8s';
import { only, synthesised } from '../synthesised';

const inNamespace = () => new Chart(Testing.app(), 'test', { namespace: 'rook-ceph' });

function external(props: Partial<ExternalSecretProps> = {}) {
  const chart = inNamespace();
  const secret = new ExternalSecret(chart, 'token', {
    metadata: { name: 'rook-vault-token' },
    store: { name: 'vault', kind: 'ClusterSecretStore' },
    data: { token: { path: 'storage/rook', property: 'token' } },
    ...props,
  });
  return { secret, manifest: only(synthesised(chart), 'ExternalSecret') };
}

describe('ExternalSecret', () => {
  test('says where the value is, and knows the keys of the Secret', () => {
    const { secret, manifest } = external({ refreshInterval: '30m' });
    expect(manifest).toMatchSnapshot();
    expect(secret).toMatchObject({ name: 'rook-vault-token', namespace: 'rook-ceph', keys: ['token'] });
  });

  test.each<[string, Partial<ExternalSecretProps>]>([
    ['no key at all', { data: {} }],
    ['a key that no Secret can have', { data: { 'a b': { path: 'x' } } }],
    ['an absolute path', { data: { token: { path: '/storage/rook' } } }],
  ])('refuses %s', (_, props) => {
    expect(() => external(props)).toThrow('test/token.data: got');
  });

  test('refuses an interval that Go cannot read', () => {
    expect(() => external({ refreshInterval: '30 minutes' })).toThrow('test/token.refreshInterval');
  });

  test('trap 15: refuses to write into a Secret that somebody else makes, in the compiler and at synth', () => {
    // @ts-expect-error Merge is not offered
    expect(() => external({ creationPolicy: 'Merge' })).toThrow('got "Merge"; allowed: Owner, Orphan.');
  });
});

describe('DevOnlyInlineSecret', () => {
  const inline = (props: Partial<DevOnlyInlineSecretProps> = {}) => {
    const chart = inNamespace();
    new DevOnlyInlineSecret(chart, 'secret', { metadata: { name: 'dev' }, stringData: { token: 'x' }, ...props });
    return only(synthesised(chart), 'Secret');
  };

  test('trap 15: bears the label by which a rule finds it, whatever other labels it has', () => {
    expect(inline({ metadata: { name: 'dev', labels: { a: 'b' } } })).toMatchSnapshot();
  });

  test('refuses an empty value, and quotes none', () => {
    expect(() => inline({ stringData: { token: '', other: 'canary' } })).toThrow(
      'test/secret.stringData.token: got nothing',
    );
    expect(() => inline({ stringData: { token: '', other: 'canary' } })).not.toThrow('canary');
    expect(() => inline({ stringData: {} })).toThrow('test/secret.stringData: got nothing');
  });
});
