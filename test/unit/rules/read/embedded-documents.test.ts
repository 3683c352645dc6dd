/** Documents that stand as text in ConfigMaps and Secrets: what the nodes of the control plane get through the API. */
import { App, Chart, Yaml } from 'cdk8s';
import { parseAllDocuments } from 'yaml';
import { ApiServerEncryption } from '../../../../lib/cdk8s';
import { checkRules } from '../../../../lib/rules/check-rules';

const readYaml = (text: string) =>
  parseAllDocuments(text, { logLevel: 'silent' }).map((document): unknown => document.toJS());
const configuration = (...providers: readonly object[]) => ({
  apiVersion: 'apiserver.config.k8s.io/v1',
  kind: 'EncryptionConfiguration',
  resources: [{ resources: ['secrets'], providers }],
});
const kms = { apiVersion: 'v2', name: 'keyward', endpoint: 'unix:///run/kms/kms.sock', timeout: '3s' };
const holder = (kind: 'Secret' | 'ConfigMap', text: string, annotations: object = {}) => ({
  apiVersion: 'v1',
  kind,
  metadata: { name: 'encryption', namespace: 'fleet', annotations },
  [kind === 'Secret' ? 'stringData' : 'data']: { 'encryption.yaml': text },
});

test.each(['Secret', 'ConfigMap'] as const)('KW01 looks into an EncryptionConfiguration in a %s (trap 1)', (kind) => {
  const text = Yaml.stringify(configuration({ identity: {} }, { kms }));
  const field = kind === 'Secret' ? 'stringData' : 'data';
  expect(checkRules({ objects: [holder(kind, text)], readYaml })).toMatchObject([
    {
      rule: 'KW01',
      object: `${kind} fleet/encryption`,
      index: 0,
      path: `${field}["encryption.yaml"].resources[0].providers[0]`,
    },
  ]);
});

test('text that is JSON needs no reader, and YAML without one is left alone', () => {
  const wrong = configuration({ identity: {} }, { kms });
  expect(checkRules({ objects: [holder('Secret', JSON.stringify(wrong))] }).map(({ rule }) => rule)).toEqual(['KW01']);
  expect(checkRules({ objects: [holder('Secret', Yaml.stringify(wrong))] })).toEqual([]);
});

test('KW13, KW04, KW15 and KW14 look in as well (traps 13, 4, 15, 14)', () => {
  const found = (document: object, previous?: object) =>
    checkRules({
      objects: [holder('Secret', Yaml.stringify(document))],
      readYaml,
      ...(previous && { previous: [holder('Secret', Yaml.stringify(previous))] }),
    }).map(({ rule }) => rule);
  expect(found(configuration({ kms: { ...kms, apiVersion: 'v1' } }, { identity: {} }))).toEqual(['KW13']);
  expect(found(configuration({ kmz: {} }, { identity: {} }))).toEqual(['KW04']);
  const aescbc = { aescbc: { keys: [{ name: 'key1', secret: 'MDEyMzQ1Njc4OWFiY2RlZg==' }] } };
  expect(found(configuration(aescbc, { identity: {} }))).toEqual(['KW15']);
  expect(found(configuration({ kms }), configuration({ kms }, { identity: {} }))).toEqual(['KW14']);
  expect(found(configuration({ kms }, { identity: {} }), configuration({ kms }, { identity: {} }))).toEqual([]);
});

test('the holder takes its text out of a rule', () => {
  const annotations = { 'keyward.io/ignore-rules': 'KW01', 'keyward.io/ignore-reason': 'being rolled out' };
  const text = Yaml.stringify(configuration({ identity: {} }, { kms }));
  expect(checkRules({ objects: [holder('Secret', text, annotations)], readYaml })).toEqual([]);
});

test.each([
  ['a template', '{{ if .Values.kms }}\nkind: EncryptionConfiguration\n{{ end }}'],
  ['broken YAML', 'kind: EncryptionConfiguration\n  resources: ['],
  ['words about it', 'The EncryptionConfiguration is elsewhere.'],
])('%s is left alone', (_, text) => {
  expect(checkRules({ objects: [holder('ConfigMap', text)], readYaml })).toEqual([]);
});

/** What the constructs deliver: Pod, configuration of the plugin and EncryptionConfiguration, all in one Secret. */
function delivered(address: string) {
  const chart = new Chart(new App(), 'nodes', { namespace: 'fleet' });
  new ApiServerEncryption(chart, 'encryption', {
    distribution: 'kubeadm',
    kubernetesVersion: '1.34',
    phase: 'encrypt',
    vault: { address },
    auth: { method: 'approle', roleId: 'role', secretIdFile: '/etc/keyward/kms-plugin/secret-id' },
    risks: ['plain-http', 'vault-in-this-cluster'],
    delivery: { metadata: { name: 'nodes' } },
  });
  return chart.toJson() as readonly { stringData: Record<string, string> }[];
}

describe('the files of the KMS plugin', () => {
  test('pass as our own constructs deliver them', () => {
    expect(checkRules({ objects: delivered('https://vault.example.com:8200'), readYaml })).toEqual([]);
  });

  test('KW08 and KW13 read the address in the configuration of the plugin (traps 8, 13)', () => {
    const rules = (address: string) => checkRules({ objects: delivered(address), readYaml }).map(({ rule }) => rule);
    expect(rules('http://vault.example.com:8200')).toEqual(['KW08']);
    expect(rules('https://vault.vault.svc:8200')).toEqual(['KW13']);
  });

  test('KW04 finds a member that the plugin would refuse (trap 4)', () => {
    const [secret] = delivered('https://vault.example.com:8200');
    if (secret === undefined) throw new Error('nothing is delivered');
    const name = 'kms-plugin-config.yaml';
    const text = (secret.stringData[name] ?? '').replace('transit:', 'transitt:');
    const objects = [{ ...secret, stringData: { ...secret.stringData, [name]: text } }];
    const found = checkRules({ objects, readYaml });
    expect(found.map(({ rule }) => rule)).toEqual(['KW04']);
    expect(found[0]?.path).toContain(name);
  });
});
