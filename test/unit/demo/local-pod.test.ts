/** The documents of stacks/gitops are what these tests run: as emitted, without a cluster. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Testing } from 'cdk8s';
import { stringify } from 'yaml';
import { Secret } from '../../../runtime/secret';
import { GitopsChart } from '../../../stacks/gitops/chart';
import { namespace, storage } from '../../../stacks/gitops/values';
import { stagingPath, targetPath } from '../../../tools/local-pod/kubelet-paths';
import { startPod } from '../../../tools/local-pod/local-pod';
import { readManifests } from '../../../tools/local-pod/manifests';
import { PathMap } from '../../../tools/local-pod/path-map';
import { asSidecar, type SidecarOptions } from '../../../tools/local-pod/sidecars';

const root = mkdtempSync(join(tmpdir(), 'kw-pod-'));
afterAll(() => rmSync(root, { recursive: true }));

const documents = Testing.synth(new GitopsChart(Testing.app(), 'keyward', namespace, storage));
writeFileSync(join(root, 'all.yaml'), documents.map((each) => stringify(each)).join('---\n'));
const manifests = readManifests(root);

/** Stands for the image: tells what it was given, answers the probe, waits. */
const program = `
  const port = Number(process.argv.find((each) => each.startsWith('--health-port=')).split('=')[1]);
  console.log(JSON.stringify({ args: process.argv.slice(1), env: process.env }));
  require('node:http').createServer((request, response) => response.end('ok')).listen(port);
`;
const start = (state: string) =>
  startPod({
    manifests,
    container: 'keyward',
    root: state,
    nodeName: 'node-1',
    command: [process.execPath, '-e', program, '--'],
  });

describe('a container of the emitted DaemonSet as a process', () => {
  test('gets the arguments, the environment and the files of the documents, with local paths', async () => {
    const pod = await start(root);
    const { args, env } = JSON.parse(readFileSync(pod.logFile, 'utf8').split('\n')[0] ?? '');
    await pod.stop();
    expect(args).toContain('--node-id=node-1');
    expect(args).toContain(`--endpoint=unix://${root}/node/var/lib/kubelet/plugins/csi.keyward.io/csi.sock`);
    expect(args).not.toContain('--health-port=9808');
    expect(env).toMatchObject({ NODE_ID: 'node-1' });
    expect(Object.keys(env).sort()).toEqual(expect.arrayContaining(['NODE_ID', 'PATH']));
    expect(env).not.toHaveProperty('HOME');
    const config = JSON.parse(readFileSync(pod.paths.toLocal('/etc/keyward/config.json'), 'utf8'));
    expect(config).toMatchObject({
      driverName: 'csi.keyward.io',
      backend: { directory: `${root}/node/var/lib/keyward` },
    });
    const kms = JSON.parse(readFileSync(pod.paths.toLocal('/etc/keyward/kms/config.json'), 'utf8'));
    expect(kms).toMatchObject({ passphrase: { encryptionKMSType: 'metadata' } });
    expect(pod.sockets.get('csi-addons-endpoint')).toBe(
      `${root}/node/var/lib/kubelet/plugins/csi.keyward.io/csi-addons.sock`,
    );
    expect(pod.paths.toLocal('/dev/mapper/x')).toBe('/dev/mapper/x');
  });

  test('is killed as a whole', async () => {
    const pod = await start(root);
    await pod.kill();
    expect(() => process.kill(pod.pid, 0)).toThrow(/ESRCH/);
  });

  test('refuses a root that makes a socket path too long', async () => {
    await expect(start(join(root, 'a-rather-long-name-of-a-folder-for-this-test'))).rejects.toThrow(
      /longer than 107 bytes/,
    );
  });

  test('reports the log of a container that ends at once', async () => {
    const failing = startPod({
      manifests,
      container: 'keyward',
      root: join(root, 'f'),
      nodeName: 'node-1',
      command: [process.execPath, '-e', 'console.error("no such luck"); process.exit(3)', '--'],
    });
    await expect(failing).rejects.toThrow(/no such luck/);
  });

  test('refuses a container that the pod does not have', async () => {
    const missing = startPod({ manifests, container: 'other', root, nodeName: 'n', command: ['true'] });
    await expect(missing).rejects.toThrow(/no container other \(known: keyward, tenant-agent, csi-provisioner/);
  });
});

describe('paths of the kubelet', () => {
  const place = { driverName: 'd', volumeId: 'v', pvName: 'pv', podUid: 'uid' };
  const mount = { mountPath: '/var/lib/kubelet', localPath: join(root, 'kubelet') };

  test('are made below the mounts of the container', () => {
    const paths = new PathMap([{ ...mount, isBidirectional: true }]);
    expect(statSync(stagingPath(paths, place)).isDirectory()).toBe(true);
    const target = targetPath(paths, place);
    expect(target).toBe(`${root}/kubelet/pods/uid/volumes/kubernetes.io~csi/pv/mount`);
    expect(() => statSync(target)).toThrow(/ENOENT/);
  });

  test('refuses a volume whose mounts the node would not see', () => {
    expect(() => stagingPath(new PathMap([{ ...mount, isBidirectional: false }]), place)).toThrow(/Bidirectional/);
  });
});

const token = (name: string) => `$\{${name}}`;

describe('what the sidecars make of the emitted class', () => {
  const passphrase = Secret.fromText('for this test only');
  const options: SidecarOptions = {
    storageClass: manifests.storageClass('encrypted'),
    snapshotClass: manifests.snapshotClass('encrypted'),
    claim: { name: 'orders', namespace: 'shop', uid: '42', sizeBytes: 1024 },
    secrets: [{ namespace, name: 'storage-passphrase', data: { encryptionPassphrase: passphrase } }],
    singleNodeMultiWriter: true,
  };

  test('leaves out the keys of the sidecars and adds the claim', () => {
    const { name, parameters } = asSidecar(options).createVolume();
    expect(name).toBe('pvc-42');
    expect(parameters).toMatchObject({ encryptionKMSID: 'passphrase', 'csi.storage.k8s.io/pvc/namespace': 'shop' });
    expect(Object.keys(parameters ?? {}).filter((key) => /secret|fstype/.test(key))).toEqual([]);
  });

  test.each(['provisioner', 'node-stage', 'node-publish', 'controller-expand', 'node-expand', 'snapshotter'] as const)(
    'resolves the Secret of %s calls',
    (call) => {
      expect(asSidecar(options).secretsFor(call)).toEqual({ encryptionPassphrase: 'for this test only' });
    },
  );

  test('fills templates, and refuses what it cannot fill', () => {
    const parameters = {
      'csi.storage.k8s.io/provisioner-secret-name': `${token('pvc.name')}-key`,
      'csi.storage.k8s.io/provisioner-secret-namespace': token('pvc.namespace'),
    };
    const secrets = [{ namespace: 'shop', name: 'orders-key', data: { k: passphrase } }];
    const storageClass = { ...options.storageClass, parameters };
    expect(asSidecar({ ...options, storageClass, secrets }).secretsFor('provisioner')).toEqual({
      k: 'for this test only',
    });
    const open = {
      ...storageClass,
      parameters: { ...parameters, 'csi.storage.k8s.io/provisioner-secret-name': token("pvc.annotations['x']") },
    };
    expect(() => asSidecar({ ...options, storageClass: open, secrets }).secretsFor('provisioner')).toThrow(
      /cannot be resolved/,
    );
  });

  test('refuses half a reference, an absent Secret and a key that no sidecar knows', () => {
    const of = (parameters: Record<string, string>) =>
      asSidecar({ ...options, storageClass: { ...options.storageClass, parameters } });
    expect(() => of({ 'csi.storage.k8s.io/node-stage-secret-name': 'x' }).secretsFor('node-stage')).toThrow(
      /half a Secret/,
    );
    expect(() => asSidecar({ ...options, secrets: [] }).secretsFor('node-stage')).toThrow(/there is no Secret/);
    expect(() => of({ 'csi.storage.k8s.io/unknown': 'x' })).toThrow(/does not know/);
  });
});
