/** RBD images as devices of a real kernel, mapped by it and by rbd-nbd. The store of Ceph is in memory. */
import { execFile } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { blockSizeBytes } from '../../runtime/device/block-size';
import { KernelThread } from '../../runtime/process/kernel-thread';
import { type Run, run } from '../../runtime/process/run';
import { Secret } from '../../runtime/secret';
import { CEPH_TOOLS, type Ceph, startCeph } from '../harness/ceph';
import { describeWith } from '../harness/describe-with';
import { type FixtureOptions, ImagesFixture, nameOf } from '../integration/rbd/images-fixture';

jest.setTimeout(900_000);
const mebibyte = 1024 * 1024;
const execute = promisify(execFile);

describeWith(CEPH_TOOLS, 'devices of RBD images', () => {
  let ceph: Ceph;
  let fixture: ImagesFixture;

  beforeAll(async () => {
    await execute('modprobe', ['rbd']);
    await execute('modprobe', ['nbd']);
    ceph = await startCeph();
    fixture = await ImagesFixture.start(ceph);
  });
  afterAll(async () => {
    await fixture?.stop();
    await ceph?.stop();
  });

  async function newImage(options: FixtureOptions = {}) {
    const opened = fixture.open(options);
    const ref = fixture.newRef();
    await opened.images.allocate(ref, 8 * mebibyte);
    return { ...opened, ref, id: ref.id };
  }
  /** Which tools are started. */
  function recorded() {
    const tools: string[] = [];
    const recording: Run = (tool, args, options) => {
      tools.push(tool);
      return run(tool, args, options);
    };
    return { tools, run: recording };
  }

  describe.each([
    ['rbd', /^\/dev\/rbd\d+$/],
    ['rbd-nbd', /^\/dev\/nbd\d+$/],
  ] as const)('mapped by %s', (mounter, path) => {
    const options = { mapping: { mounter } };

    test('attaches once, also for calls at the same time, with one command; finds with none', async () => {
      const { tools, run: recording } = recorded();
      const { devices, id } = await newImage({ ...options, run: recording });
      expect(await devices.find(id)).toBeUndefined();
      tools.length = 0;
      const [first, second] = await Promise.all([devices.attach(id), devices.attach(id)]);
      expect(first).toMatch(path);
      expect(second).toBe(first);
      // The second call looks whether the first one's device is of use, in process.
      expect(tools).toEqual([mounter]);
      tools.length = 0;
      expect(await fixture.open(options).devices.find(id)).toBe(first);
      expect(tools).toEqual([]);
      await devices.detach(id);
      await devices.detach(id);
      expect(tools).toHaveLength(1);
      expect(await devices.find(id)).toBeUndefined();
    });

    test('holds what was written, over a detach, and follows the size of its image', async () => {
      const { devices, images, ref, id } = await newImage(options);
      const device = await devices.attach(id);
      await execute('dd', [`if=/dev/zero`, `of=${device}`, 'bs=1M', 'count=1', 'oflag=direct', 'status=none']);
      const file = await open(device, 'r+');
      await file.write('written');
      await file.sync();
      await file.close();
      await images.allocate(ref, 12 * mebibyte);
      if (mounter === 'rbd') {
        await devices.refreshSize(id);
        expect(await blockSizeBytes(device)).toBe(12 * mebibyte);
      }
      expect(await images.usedBy(ref)).toBe(device);
      await expect(images.remove(ref)).toRejectWithCode('VOLUME_IN_USE');
      await devices.detach(id);
      await images.withHeader(ref, async (path) => {
        expect((await readFile(path)).toString('utf8', 0, 7)).toBe('written');
        expect(await blockSizeBytes(path)).toBe(12 * mebibyte);
      });
      expect(await devices.find(id)).toBeUndefined();
    });

    test('a device that a mapping holds is busy, not detached', async () => {
      const { devices, id } = await newImage(options);
      const device = await devices.attach(id);
      await execute('dmsetup', ['create', 'holder', '--table', `0 2048 linear ${device} 0`]);
      await expect(devices.detach(id)).toRejectWithCode('DEVICE_BUSY');
      await execute('dmsetup', ['remove', 'holder']);
      await devices.detach(id);
    });

    test('refuses an image that is missing', async () => {
      const { devices } = fixture.open(options);
      await expect(devices.attach(fixture.newRef().id)).toRejectWithCode('VOLUME_NOT_FOUND');
      await devices.refreshSize(fixture.newRef().id);
    });

    test('the key is in no argument of a process that stays', async () => {
      const { devices, id } = await newImage(options);
      await devices.attach(id);
      const { stdout } = await execute('sh', ['-c', 'cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr "\\0" "\\n"']);
      const key = await ceph.createUser('csi');
      expect(stdout).not.toContain(key);
      await devices.detach(id);
    });
  });

  test('maps with the options of the class and refuses one that is unknown', async () => {
    const mapping = { mapOptions: 'krbd:queue_depth=64,noshare' };
    const { devices, id } = await newImage({ mapping });
    const device = await devices.attach(id);
    const number = basename(device).slice('rbd'.length);
    expect(await readFile(`/sys/bus/rbd/devices/${number}/config_info`, 'utf8')).toContain('queue_depth=64');
    await devices.detach(id);
    const wrong = fixture.open({ mapping: { mapOptions: 'nonsense=1' } });
    await expect(wrong.devices.attach(id)).toRejectWithCode('REQUEST_INVALID');
  });

  test('refuses an image that the kernel cannot map, unless the class names another mounter', async () => {
    const options = { imageFeatures: ['layering', 'exclusive-lock', 'journaling'] };
    const { devices, id } = await newImage({ options });
    await expect(devices.attach(id)).toRejectWithCode('IMAGE_UNMAPPABLE');
    const willing = fixture.open({ mapping: { tryOtherMounters: true } }).devices;
    expect(await willing.attach(id)).toMatch(/^\/dev\/nbd/);
    await devices.detach(id);
  });

  test('a device whose rbd-nbd was killed is no device: it is replaced, or taken away', async () => {
    const { devices, id } = await newImage({ mapping: { mounter: 'rbd-nbd' } });
    const killed = async () => {
      const device = await devices.attach(id);
      process.kill(Number(await readFile(`/sys/block/${basename(device)}/pid`, 'utf8')), 'SIGKILL');
      while ((await devices.find(id)) !== undefined) await pause(50);
    };
    await killed();
    const device = await devices.attach(id);
    expect(await blockSizeBytes(device)).toBe(8 * mebibyte);
    await killed();
    await devices.detach(id);
    await devices.detach(id);
    expect(await readFile(`/sys/block/${basename(device)}/size`, 'utf8')).toBe('0\n');
  });

  test('a client that the cluster has shut out is replaced by another', async () => {
    const { devices, id, ref } = await newImage();
    const device = await devices.attach(id);
    const number = basename(device).slice('rbd'.length);
    const address = (await readFile(`/sys/bus/rbd/devices/${number}/client_addr`, 'utf8')).trim();
    await ceph.ceph(['osd', 'blocklist', 'add', address]);
    const watchers = () => ceph.rbd(['status', '--format', 'json', `kube/${nameOf(ref)}`]);
    while ((await watchers()).includes(address)) await pause(500);
    const fresh = await devices.attach(id);
    await execute('dd', [`if=${fresh}`, 'of=/dev/null', 'bs=4096', 'count=1', 'iflag=direct']);
    await devices.detach(id);
    await ceph.ceph(['osd', 'blocklist', 'rm', address]);
  });

  test('without a command where the kernel can be called; a refusal is for the command to explain', async () => {
    const { tools, run: recording } = recorded();
    const kernel = new KernelThread();
    const { devices, id } = await newImage({ run: recording, cli: { kernel } });
    tools.length = 0;
    const [device, again] = await Promise.all([devices.attach(id), devices.attach(id)]);
    expect(device).toMatch(/^\/dev\/rbd\d+$/);
    expect(again).toBe(device);
    expect(tools).toEqual([]);
    expect(await blockSizeBytes(device)).toBe(8 * mebibyte);
    expect(await readFile('/proc/keys', 'utf8')).not.toMatch(/ ceph +keyward/);
    await devices.detach(id);

    const userKey = Secret.fromText('AQAAAAAAAAAAABAAAAECAwQFBgcICQoLDA0ODw==');
    const { devices: stranger } = fixture.open({ run: recording, cli: { kernel }, userKey });
    tools.length = 0;
    await expect(stranger.attach(id)).toRejectWithCode('CEPH_DENIED');
    expect(tools).toEqual(['rbd']);
  });

  test('without the monitor mapping ends in time, and unmapping works all the same', async () => {
    const { devices, id } = await newImage();
    const other = await newImage();
    await other.devices.attach(other.id);
    // What attach reads before it maps goes on over the connection that exists.
    const { devices: impatient } = fixture.open({ mapping: { mapTimeoutMs: 5_000 } });
    await ceph.withoutMonitor(async () => {
      await expect(impatient.attach(id)).toRejectWithCode('CEPH_UNREACHABLE');
      await other.devices.detach(other.id);
      expect(await other.devices.find(other.id)).toBeUndefined();
    });
    await devices.attach(id);
    await devices.detach(id);
  });
});
