/** `keyward rotate` and `keyward verify` against a driver over its admin socket: the commands as processes. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeKmsConfig, settleKms } from '../../lib/schema/kms';
import { passphraseSecretKey } from '../../lib/schema/names';
import { type Driver, startDriver } from '../../runtime/driver/driver';
import { bundle } from '../../tools/bundle';
import { type CsiClient, csiClient } from '../../tools/csi-client/csi-client';
import { describeWith } from '../harness/describe-with';
import { writeKubeconfig } from '../harness/kubeconfig';
import { type Kubernetes, startKubernetes } from '../harness/kubernetes';

jest.setTimeout(300_000);

describeWith(['cryptsetup'], 'the commands of rotation', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kw-cli-'));
  const program = join(folder, 'keyward.cjs');
  const admin = `unix://${join(folder, 'admin.sock')}`;
  let driver: Driver;
  let csi: CsiClient;
  const volumes: string[] = [];

  beforeAll(async () => {
    bundle('runtime/bin/keyward.ts', program);
    const secret = join(folder, 'secrets/keyward/passphrase');
    mkdirSync(secret, { recursive: true });
    writeFileSync(join(secret, passphraseSecretKey), 'a passphrase for tests');
    const backend = { type: 'loop', directory: join(folder, 'backing'), capacityBytes: 2 ** 30 };
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ driverName: 'csi.keyward.dev', backend }));
    // The passphrase of `metadata` comes with each request: here from the Secret that the driver is given for that.
    writeFileSync(
      join(folder, 'kms.json'),
      encodeKmsConfig(new Map([['metadata', settleKms('metadata', { type: 'metadata' })]])),
    );
    driver = await startDriver({
      version: '0',
      endpoint: `unix://${join(folder, 'csi.sock')}`,
      adminEndpoint: admin,
      adminSecret: 'keyward/passphrase',
      controller: true,
      node: true,
      nodeId: 'node-1',
      configFile: join(folder, 'config.json'),
      kmsConfigFile: join(folder, 'kms.json'),
      secretsDirectory: join(folder, 'secrets'),
      stateDirectory: join(folder, 'state'),
      healthPort: 0,
      onFatal: (error) => {
        throw error;
      },
    });
    csi = csiClient({ socket: join(folder, 'csi.sock') });
    for (const namespace of ['shop', 'billing']) {
      const { volume } = await csi.controller.createVolume({
        name: `pvc-${namespace}`,
        capacityRange: { requiredBytes: 16n * 2n ** 20n },
        volumeCapabilities: [{ accessMode: { mode: 1 }, accessType: { case: 'mount', value: {} } }],
        parameters: {
          encrypted: 'true',
          encryptionKMSID: 'metadata',
          'csi.storage.k8s.io/pvc/namespace': namespace,
          // The other class is one of before classes named themselves.
          ...(namespace === 'shop' && { storageClassName: 'fast' }),
        },
        secrets: { [passphraseSecretKey]: 'a passphrase for tests' },
      });
      volumes.push(volume?.volumeId ?? '');
    }
  });
  afterAll(async () => {
    csi.close();
    await driver.close(1000);
    rmSync(folder, { recursive: true });
  });

  const keyward = (...args: string[]) =>
    new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
      const child = spawn(process.execPath, [program, ...args]);
      let [stdout, stderr] = ['', ''];
      child.stdout.on('data', (chunk) => {
        stdout += chunk;
      });
      child.stderr.on('data', (chunk) => {
        stderr += chunk;
      });
      child.once('close', (code) => resolve({ code, stdout, stderr }));
    });
  const asJson = async (...args: string[]) => {
    const { code, stdout } = await keyward(...args, '--admin-endpoint', admin, '--output', 'json');
    return { code, answer: JSON.parse(stdout) };
  };
  const outcomes = (answer: { lines: { id: string; outcome: string }[] }) =>
    Object.fromEntries(answer.lines.map(({ id, outcome }) => [id, outcome]));

  test('a dry run names the volumes and changes none', async () => {
    const [shop = '', billing = ''] = volumes;
    const { code, answer } = await asJson('rotate', '--all', '--dry-run');
    expect([code, outcomes(answer)]).toEqual([0, { [shop]: 'planned', [billing]: 'planned' }]);
  });

  test('a run over a tenant rotates its volumes; repeated with its time it leaves them out', async () => {
    const [shop = '', billing = ''] = volumes;
    const first = await asJson('rotate', '--tenant', 'shop');
    expect([first.code, outcomes(first.answer)]).toEqual([0, { [shop]: 'rotated' }]);
    const again = await asJson('rotate', '--all', '--since', first.answer.startedAt);
    expect([again.code, outcomes(again.answer)]).toEqual([0, { [shop]: 'skipped', [billing]: 'rotated' }]);
    const young = await asJson('rotate', '--all', '--older-than', '30d');
    expect(outcomes(young.answer)).toEqual({ [shop]: 'skipped', [billing]: 'skipped' });
  });

  test('a run over a class takes its volumes, and names those whose class nobody knows', async () => {
    const [shop = '', billing = ''] = volumes;
    const { code, answer } = await asJson('rotate', '--class', 'fast');
    expect([code, outcomes(answer)]).toEqual([0, { [shop]: 'rotated', [billing]: 'skipped' }]);
    expect(answer.lines).toContainEqual(expect.objectContaining({ id: billing, detail: 'class unknown' }));
    const other = await asJson('rotate', '--class', 'slow');
    expect([other.code, outcomes(other.answer)]).toEqual([0, { [billing]: 'skipped' }]);
    const proof = await asJson('verify', '--class', 'fast');
    const found = Object.fromEntries(proof.answer.map(({ id, outcome }: Record<string, string>) => [id, outcome]));
    expect([proof.code, found]).toEqual([0, { [shop]: 'OK', [billing]: 'skipped' }]);
  });

  describeWith(['etcd', 'kube-apiserver'], 'with a way to Kubernetes', () => {
    let kubernetes: Kubernetes;
    const kubeconfig = join(folder, 'kubeconfig');
    beforeAll(async () => {
      kubernetes = await startKubernetes();
      writeKubeconfig(kubeconfig, kubernetes, { token: kubernetes.adminToken });
      const [, billing = ''] = volumes;
      const other = Array.from({ length: 260 }, (_, index) => `other-${index}`);
      for (const volumeHandle of [...other, billing]) {
        await kubernetes.expectOk('POST', '/api/v1/persistentvolumes', {
          apiVersion: 'v1',
          kind: 'PersistentVolume',
          metadata: { generateName: 'pv-' },
          spec: {
            capacity: { storage: '16Mi' },
            accessModes: ['ReadWriteOnce'],
            storageClassName: volumeHandle === billing ? 'slow' : 'fast',
            csi: { driver: 'csi.keyward.dev', volumeHandle },
          },
        });
      }
    });
    afterAll(() => kubernetes?.stop());

    test('the class of a volume that does not name it is that of its PersistentVolume, however many there are', async () => {
      const [shop = '', billing = ''] = volumes;
      const run = async (name: string) => {
        const { code, answer } = await asJson('rotate', '--class', name, '--kubeconfig', kubeconfig);
        return [code, outcomes(answer)];
      };
      expect(await run('slow')).toEqual([0, { [billing]: 'rotated' }]);
      expect(await run('fast')).toEqual([0, { [shop]: 'rotated' }]);
    });

    test('refuses to guess when Kubernetes does not answer', async () => {
      await kubernetes.halt();
      const { code, stderr } = await keyward(
        'rotate',
        '--class',
        'slow',
        '--kubeconfig',
        kubeconfig,
        '--admin-endpoint',
        admin,
      );
      expect([code, stderr]).toEqual([1, expect.stringContaining('KMS_UNREACHABLE')]);
      await kubernetes.restart();
    });
  });

  test('every key is verified', async () => {
    const { code, answer } = await asJson('verify', '--all');
    expect([code, answer.map(({ outcome }: { outcome: string }) => outcome)]).toEqual([0, ['OK', 'OK']]);
  });

  test('a run over a KMS that is not trusted says what it could not renew', async () => {
    const { code, answer } = await asJson('rotate', '--all', '--compromised', 'metadata');
    expect(code).toBe(0);
    expect(
      answer.lines.filter(
        ({ kind, outcome }: Record<string, string>) => kind === 'passphrase' && outcome === 'rotated',
      ),
    ).toHaveLength(2);
    expect(answer.remains).toEqual([]);
  });

  test('rejects a command line that selects nothing, or too much, with exit code 2', async () => {
    for (const args of [
      ['rotate'],
      ['verify'],
      ['rotate', 'x', '--all'],
      ['verify', '--all', '--class', 'fast'],
      ['rotate', '--all', '--rate', '0'],
      ['rotate', '--compromised', 'k', '--tenant', 't'],
    ]) {
      expect([args, (await keyward(...args)).code]).toEqual([args, 2]);
    }
  });

  test('rejects a volume that is not there with exit code 1, and says so', async () => {
    expect(await keyward('rotate', 'none', '--admin-endpoint', admin)).toMatchObject({ code: 1 });
    expect(await keyward('verify', 'none', '--admin-endpoint', admin)).toMatchObject({ code: 1 });
  });

  test('rejects a driver that is not there with exit code 1', async () => {
    const nowhere = `unix://${join(folder, 'nowhere.sock')}`;
    const { code, stderr } = await keyward('verify', '--all', '--admin-endpoint', nowhere);
    expect([code, stderr]).toEqual([1, expect.stringContaining('ABORTED')]);
  });
});
