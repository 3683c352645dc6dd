/**
 * Objects in a real API server become volumes with keys, and take them away again: through the real sidecars, with the
 * arguments and the rights of the emitted documents, and a real OpenBao. What the node does with them is in test/kernel.
 */
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { defaultDriverName, nodeTopologyKey, passphraseSecretKey } from '../../../lib/schema/names';
import { Secret } from '../../../runtime/secret';
import { CsiCluster } from '../../harness/csi-cluster';
import { type ClaimOptions, CsiObjects } from '../../harness/csi-objects';
import { describeWith } from '../../harness/describe-with';
import { nodeName, passphrase, prepareVault, TestDriver, vaultMount } from '../../harness/driver';
import { filesOf } from '../../harness/driver-facts';
import { type OpenBao, startOpenBao } from '../../harness/openbao';
import { findIn, findInFiles, needlesOf } from '../../harness/secret-scan';
import { sidecarComponents } from '../../harness/sidecars';
import { type StallingRelay, stallingRelay } from '../../harness/stalling-relay';

jest.setTimeout(600_000);

const MiB = 1024 * 1024;
const namespace = 'keyward-system';

describeWith(['openbao', ...sidecarComponents], 'claims and snapshots through the sidecars, with loop', () => {
  let bao: OpenBao;
  let relay: StallingRelay;
  let token: string;
  let driver: TestDriver;
  let cluster: CsiCluster;
  let shop: CsiObjects;
  beforeAll(async () => {
    bao = await startOpenBao();
    relay = await stallingRelay(bao.address);
    ({ token } = await prepareVault(bao));
    driver = new TestDriver({ vault: { address: relay.address, token } });
    await driver.start();
    const { nodeId, accessibleTopology } = await driver.csi.node.nodeGetInfo({});
    cluster = await CsiCluster.start({
      manifests: driver.manifests,
      workload: driver.manifests.daemonSet(),
      root: driver.root,
      node: { name: nodeId, segments: accessibleTopology?.segments ?? {} },
      namespaces: ['shop'],
      secrets: [{ namespace, name: 'passphrase', data: { [passphraseSecretKey]: Secret.fromText(passphrase) } }],
    });
    shop = new CsiObjects(cluster, 'shop');
  });
  afterAll(async () => {
    await cluster?.stop();
    await driver?.stop();
    await relay?.close();
    await bao?.stop();
  });
  afterEach(async () => {
    await shop.deleteAll();
    expect({ files: filesOf(driver), keys: await keys() }).toEqual({ files: [], keys: [] });
  });

  /** Ids that the KV engine has a key for. */
  const keys = async (): Promise<string[]> =>
    (await bao.request('LIST', `${vaultMount}/metadata`)).body?.data?.keys ?? [];
  /** Ids that have an image. */
  const images = () =>
    filesOf(driver)
      .filter((file) => file.endsWith('.img'))
      .map((file) => basename(file, '.img'));
  const claim = (name: string, storageClass: string, more: Partial<ClaimOptions> = {}) =>
    shop.createClaim({ name, storageClass, sizeBytes: 32 * MiB, selectedNode: nodeName, ...more });
  async function removed(name: string): Promise<void> {
    const { pvName } = await shop.untilBound(name);
    await shop.deleteClaim(name);
    await shop.untilVolumeGone(pvName);
  }
  /** Runs an action in the course of which the driver dies at the point, and starts the driver again. */
  const dying = (point: string, action: () => Promise<unknown>) =>
    driver.dieAt(point, async () => {
      await action();
      await driver.pod.exited;
      throw new Error('the driver is gone');
    });

  test.each(['vault', 'metadata'])(
    'KMS %s: create, expand, snapshot, restore, clone, and delete',
    async (className) => {
      const keysOf = (ids: readonly string[]) => (className === 'vault' ? [...ids].sort() : []);
      await claim('first', className);
      const first = await shop.untilBound('first');
      expect(first.capacity).toBe('32Mi');
      expect(images()).toEqual([first.volumeHandle]);
      expect(await keys()).toEqual(keysOf([first.volumeHandle]));

      await shop.growClaim('first', 48 * MiB);
      await shop.untilNodeExpansionPending('first');
      const { entries } = await driver.csi.controller.listVolumes({});
      expect(entries.map(({ volume }) => volume?.capacityBytes)).toEqual([BigInt(48 * MiB)]);

      await shop.createSnapshot('monday', { snapshotClass: className, claim: 'first' });
      const snapshotId = await shop.untilReady('monday');
      await claim('restored', className, { sizeBytes: 48 * MiB, source: { kind: 'VolumeSnapshot', name: 'monday' } });
      const restored = await shop.untilBound('restored');
      await claim('clone', className, {
        sizeBytes: 64 * MiB,
        source: { kind: 'PersistentVolumeClaim', name: 'first' },
      });
      const clone = await shop.untilBound('clone');
      expect([restored.capacity, clone.capacity]).toEqual(['48Mi', '64Mi']);
      const ids = [first.volumeHandle, snapshotId, restored.volumeHandle, clone.volumeHandle];
      expect(new Set(ids).size).toBe(4);
      expect(images().sort()).toEqual([...ids].sort());
      expect(await keys()).toEqual(keysOf(ids));

      // The source first: what was made of it stands on its own.
      await removed('first');
      await shop.deleteSnapshot('monday');
      await shop.untilSnapshotsGone();
      expect(await keys()).toEqual(keysOf([restored.volumeHandle, clone.volumeHandle]));
      await removed('restored');
      await removed('clone');
    },
  );

  test('R14: a namespace that is deleted takes its volumes and their keys along', async () => {
    await cluster.kubernetes.expectOk('POST', '/api/v1/namespaces', { metadata: { name: 'leaving' } });
    const leaving = new CsiObjects(cluster, 'leaving');
    await leaving.createClaim({ name: 'data', storageClass: 'vault', sizeBytes: 32 * MiB, selectedNode: nodeName });
    const { pvName, volumeHandle } = await leaving.untilBound('data');
    expect(await keys()).toEqual([volumeHandle]);
    await cluster.kubernetes.expectOk('DELETE', '/api/v1/namespaces/leaving');
    await leaving.untilVolumeGone(pvName);
  });

  test('tells the scheduler, for each class, how much the node has left', async () => {
    const path = `/apis/storage.k8s.io/v1/namespaces/${namespace}/csistoragecapacities`;
    const { items } = await shop.untilFound(path, (found) => found.items.length === 3);
    const [{ nodeTopology, metadata }] = items;
    expect(nodeTopology.matchLabels).toEqual({ [nodeTopologyKey(defaultDriverName)]: nodeName });
    expect(metadata.ownerReferences).toMatchObject([{ kind: 'DaemonSet', name: 'keyward-csi' }]);
    const classes = items.map((each: { storageClassName: string }) => each.storageClassName);
    expect(classes.sort()).toEqual(['metadata', 'vault', 'xfs']);
    // The volumes of the other tests come and go.
    for (const { capacity } of items) expect(capacity).toMatch(/^(4Gi|[34]\d\d\dMi)$/);
  });

  test('one image and one key, when the provisioner is killed while the driver makes the volume', async () => {
    driver.takePoints();
    relay.stall();
    await claim('interrupted', 'vault');
    const passed: string[] = [];
    while (!passed.includes('create:record')) {
      await sleep(50);
      passed.push(...driver.takePoints());
    }
    await cluster.sidecars.kill('csi-provisioner');
    relay.resume();
    const { volumeHandle } = await shop.untilBound('interrupted');
    expect(images()).toEqual([volumeHandle]);
    expect(await keys()).toEqual([volumeHandle]);
  });

  describe('the driver is killed', () => {
    test.each(['begin', 'record', 'key', 'image', 'complete'])('at create:%s: one image, one key', async (step) => {
      await dying(`create:${step}`, () => claim('hurt', 'vault'));
      const { volumeHandle } = await shop.untilBound('hurt');
      expect(images()).toEqual([volumeHandle]);
      expect(await keys()).toEqual([volumeHandle]);
    });

    test.each(['begin', 'record', 'key', 'image', 'complete'])('at snapshot:%s: one copy, one key', async (step) => {
      await claim('source', 'vault');
      const { volumeHandle } = await shop.untilBound('source');
      const create = () => shop.createSnapshot('hurt', { snapshotClass: 'vault', claim: 'source' });
      await dying(`snapshot:${step}`, create);
      const ids = [volumeHandle, await shop.untilReady('hurt')].sort();
      expect(images().sort()).toEqual(ids);
      expect(await keys()).toEqual(ids);
    });

    test.each(['begin', 'key', 'image', 'record'])('at delete:%s: nothing is left', async (step) => {
      await claim('hurt', 'vault');
      const { pvName } = await shop.untilBound('hurt');
      await dying(`delete:${step}`, () => shop.deleteClaim('hurt'));
      await shop.untilVolumeGone(pvName);
    });
  });

  test('an event says the code and the remedy, and the claim is bound soon after the cause is gone', async () => {
    const path = `/api/v1/namespaces/${namespace}/secrets/passphrase`;
    const replaceSecret = (data: object) =>
      cluster.kubernetes.expectOk('PUT', path, { metadata: { name: 'passphrase' }, data });
    await replaceSecret({});
    await claim('early', 'metadata');
    const event = await shop.untilEvent('early', /SECRET_MISSING/);
    expect(event).toContain(`Name a Secret with the key ${passphraseSecretKey}`);
    // What is called infeasible is not tried again for five minutes.
    expect(event).not.toContain('infeasible');
    await replaceSecret({ [passphraseSecretKey]: Buffer.from(passphrase).toString('base64') });
    await shop.untilBound('early');
  });

  test('R14: the API server refused no request of a sidecar', () => {
    const refused = cluster.sidecars.names.flatMap((name) => {
      const lines = cluster.sidecars.log(name).split('\n');
      // The snapshotter asks once whether there are snapshots of groups, which this driver does not make.
      return lines.filter((line) => line.includes('forbidden') && !line.includes('groupsnapshot'));
    });
    expect(refused).toEqual([]);
  });

  test('neither an event nor a log shows a secret', async () => {
    const secrets = [passphrase, token].map((text) => needlesOf(text.slice(0, 4), Secret.fromText(text)));
    expect(findIn((await shop.events()).join('\n'), secrets.flat())).toEqual([]);
    expect(findInFiles(join(driver.root, 'log'), secrets.flat())).toEqual([]);
  });
});
