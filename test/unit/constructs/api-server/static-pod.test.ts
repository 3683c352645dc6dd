import { Testing } from 'cdk8s';
import { parse } from 'yaml';
import { KmsPluginStaticPod, type KmsPluginStaticPodProps } from '../../../../lib/constructs/api-server/static-pod';
import type { KmsPluginProps } from '../../../../lib/schema/kms-plugin';
import { settleKmsPluginConfig } from '../../../../lib/schema/kms-plugin';
import { only, synthesised } from '../synthesised';

const directory = '/etc/keyward/kms-plugin';
const vault = { address: 'https://vault.example.com:8200', caFile: `${directory}/ca.pem` };
const approle = { method: 'approle', roleId: 'role', secretIdFile: `${directory}/secret-id` } as const;
const cert = { method: 'cert', bundleFile: `${directory}/node.pem`, role: 'kms' } as const;
const socket = { endpoint: 'unix:///var/run/kmsplugin/kms.sock' };
const ours: KmsPluginProps = { vault, auth: approle, socket };
const peer: KmsPluginStaticPodProps = {
  implementation: 'vault-kubernetes-kms',
  image: 'registry.example.com/vault-kubernetes-kms:1.4.0',
  config: { vault, auth: cert, socket, api: { v1: false } },
};

function make(props: KmsPluginStaticPodProps) {
  const chart = Testing.chart();
  const pod = new KmsPluginStaticPod(chart, 'pod', props);
  return { pod, manifest: only(synthesised(chart), 'Pod'), objects: synthesised(chart) };
}
const spec = (props: KmsPluginStaticPodProps) =>
  make(props).manifest.spec as {
    containers: [{ args: string[]; volumeMounts: { name: string; mountPath: string }[]; livenessProbe?: unknown }];
    volumes: { name: string; hostPath: { path: string } }[];
    securityContext?: unknown;
  };

describe('KmsPluginStaticPod', () => {
  test('the Pod of keyward', () => {
    expect(make({ config: ours }).objects).toMatchSnapshot();
  });

  test('the Pod of vault-kubernetes-kms', () => {
    expect(make(peer).objects).toMatchSnapshot();
  });

  test('R3: the file beside the Pod reads back as the declared configuration', () => {
    const { pod } = make({ config: ours });
    const [file, ...others] = pod.files;
    expect(others).toEqual([]);
    expect(settleKmsPluginConfig(parse(file?.text ?? ''))).toEqual(pod.config);
    expect(spec({ config: ours }).containers[0].args).toContain(file?.path);
    expect(make(peer).pod.files).toEqual([]);
  });

  test('trap 13: every path is mounted from the node, at the same place, and nothing else is', () => {
    for (const props of [{ config: ours }, peer]) {
      const { containers, volumes } = spec(props);
      const mounts = new Map(containers[0].volumeMounts.map(({ name, mountPath }) => [name, mountPath]));
      expect(volumes.map(({ name, hostPath }) => [name, hostPath.path])).toEqual([...mounts]);
      expect([...mounts.values()]).toEqual([directory, '/var/run/kmsplugin']);
    }
  });

  test('a changed configuration changes the manifest, so that the kubelet starts the Pod anew', () => {
    const annotations = (config: KmsPluginProps) => make({ config }).manifest.metadata;
    expect(annotations({ ...ours, log: { level: 'debug' } })).not.toEqual(annotations(ours));
    expect(annotations({ ...ours })).toEqual(annotations(ours));
  });

  test('opens the socket to the group of the API server, without any capability', () => {
    const props = { config: ours, apiServerGroup: 65_534 };
    expect(make(props).pod.config.socket).toMatchObject({ gid: 65_534, mode: '0660' });
    expect(spec(props).securityContext).toEqual({ supplementalGroups: [65_534] });
    expect(JSON.stringify(spec(props))).not.toContain('"add"');
  });

  test('R10: no probe of vault-kubernetes-kms restarts it while Vault is away', () => {
    expect(spec({ config: ours }).containers[0].livenessProbe).toBeDefined();
    expect(JSON.stringify(spec(peer))).not.toMatch(/livenessProbe|startupProbe/);
  });

  test('has no probes where the health port is off', () => {
    expect(JSON.stringify(spec({ config: { ...ours, health: { port: 0 } } }))).not.toContain('Probe');
  });

  const inCluster = { ...vault, address: 'https://vault.vault.svc:8200' };
  const http = { address: 'http://vault.example.com:8200' };
  test.each<[string, string, KmsPluginStaticPodProps]>([
    ['trap 13', 'Kubernetes auth', { config: { ...ours, auth: { method: 'kubernetes', role: 'kms' } } }],
    ['trap 13', 'a Vault in the same cluster', { config: { ...ours, vault: inCluster } }],
    ['trap 13', 'a name of the cluster', { config: { ...ours, vault: { address: 'https://v.x.svc.cluster.local' } } }],
    [
      'trap 13',
      'a credential that is not mounted',
      { config: { ...ours, auth: { ...approle, secretIdFile: '/root/id' } } },
    ],
    [
      'trap 13',
      'a path that leaves the directory',
      { config: { ...ours, vault: { ...vault, caFile: `${directory}/../x` } } },
    ],
    ['trap 13', 'a CA that is not mounted', { config: { ...ours, vault: { ...vault, caFile: '/etc/ssl/ca.pem' } } }],
    ['trap 13', 'the token of a service account', { config: { ...ours, auth: { method: 'jwt', role: 'kms' } } }],
    [
      'trap 13',
      'a socket in a shared directory',
      { config: { ...ours, socket: { endpoint: 'unix:///run/kms.sock' } } },
    ],
    ['trap 13', 'an abstract socket', { config: { ...ours, socket: { endpoint: 'unix:///@kms' } } }],
    ['trap 13', 'a relative socket', { config: { ...ours, socket: { endpoint: 'unix://kms/kms.sock' } } }],
    ['trap 13', 'another owner of the socket', { config: { ...ours, socket: { ...socket, uid: 65_534 } } }],
    ['trap 13', 'a group with vault-kubernetes-kms', { ...peer, apiServerGroup: 65_534 }],
    ['trap 11', 'a secret id that ends', { config: ours, secretIdTtlSeconds: 86_400 }],
    ['trap 11', 'a wrapped secret id', { config: { ...ours, auth: { ...approle, secretIdWrapped: true } } }],
    ['trap 8', 'plain http', { config: { ...ours, vault: http } }],
    ['trap 8', 'any certificate', { config: { ...ours, vault: { ...vault, insecureSkipVerify: true } } }],
    ['R11', 'a token that is no file', { config: { ...ours, auth: { method: 'token' } } }],
    ['R11', 'a certificate without its key', { config: { ...ours, auth: { method: 'cert', certificateFile: '/c' } } }],
    ['R11, trap 15', 'AppRole on the command line', { ...peer, config: { ...ours } }],
    [
      'trap 9',
      'what vault-kubernetes-kms cannot do',
      { ...peer, config: { ...peer.config, localKek: { enabled: true } } },
    ],
    ['trap 9', 'vault-kubernetes-kms of any release', { implementation: 'vault-kubernetes-kms', config: peer.config }],
  ])('%s: refuses %s', (rule, _, props) => {
    expect(() => make(props)).toThrow(`(${rule})`);
  });

  test.each<[string, KmsPluginStaticPodProps]>([
    ['plain http', { config: { ...ours, vault: http }, risks: ['plain-http'] }],
    [
      'any certificate',
      { config: { ...ours, vault: { ...vault, insecureSkipVerify: true } }, risks: ['any-certificate'] },
    ],
    ['a Vault in the same cluster', { config: { ...ours, vault: inCluster }, risks: ['vault-in-this-cluster'] }],
    ['a secret id that is replaced', { config: ours, secretIdTtlSeconds: 86_400, secretIdIsRotated: true }],
    ['an agent on the node', { config: { ...ours, vault: { address: 'http://127.0.0.1:8100' } } }],
  ])('takes %s when it is said by name', (_, props) => {
    expect(make(props).manifest.kind).toBe('Pod');
  });

  test('R18: rejects a misspelt setting in the compiler and at synth', () => {
    // @ts-expect-error adress is not a setting
    const config: KmsPluginProps = { ...ours, vault: { adress: 'https://vault' } };
    expect(() => make({ config })).toThrow('write "address", or remove it');
  });

  test('R18: refuses a name that is none', () => {
    expect(() => make({ config: ours, name: 'Kms_Plugin' })).toThrow('allowed: a DNS-1123 label');
  });
});
