/**
 * ceph-csi's part, played with the commands that it runs: what it leaves in the journal, at the image, on the device and on
 * the node. From its sources (v3.17); nothing of keyward is used, so that each can be held against the other.
 */
import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ceph } from './ceph';
import { addKey, cryptsetup, killSlot, quickly, tool, withKeyFiles } from './ceph-csi-keyslots';
import { newPassphrase } from './ceph-csi-passphrase';
import { parseOmap } from './omap-dump';
import { clusterId, pool } from './rbd-driver';

const stateKey = 'rbd.csi.ceph.com/encrypted';
const headerSizeKey = 'rbd.csi.ceph.com/luks2HeaderSize';
export const wrappedKey = 'rbd.csi.ceph.com/dek';
const noteName = 'image-meta.json';

export interface CephCsiVolume {
  readonly id: string;
  readonly uuid: string;
  readonly image: string;
  /** Of the request: `pvc-…`. */
  readonly name: string;
}

export interface CephCsiClass {
  readonly kmsId: string;
  /** Namespace of the claim. */
  readonly owner: string;
  readonly sizeBytes: number;
  /** Keeps the passphrase where the class's KMS has it. */
  readonly store: (volume: CephCsiVolume, passphrase: string) => Promise<void>;
}

export class CephCsi {
  readonly #ceph: Ceph;
  readonly #poolId: number;

  private constructor(ceph: Ceph, poolId: number) {
    this.#ceph = ceph;
    this.#poolId = poolId;
  }

  static async over(ceph: Ceph): Promise<CephCsi> {
    const pools: { poolnum: number; poolname: string }[] = JSON.parse(
      await ceph.ceph(['osd', 'lspools', '-f', 'json']),
    );
    const found = pools.find(({ poolname }) => poolname === pool);
    if (found === undefined) throw new Error(`there is no pool ${pool}`);
    return new CephCsi(ceph, found.poolnum);
  }

  /** CreateVolume: journal, image, passphrase, and the state that says so. */
  async create({ kmsId, owner, sizeBytes, store }: CephCsiClass): Promise<CephCsiVolume & { passphrase: string }> {
    const volume = await this.#reserve({
      'csi.volume.owner': owner,
      'csi.volume.encryptKMS': kmsId,
      'csi.volume.encryptionType': 'block',
    });
    await this.#createImage(volume, sizeBytes);
    const passphrase = newPassphrase();
    await store(volume, passphrase);
    await this.setMetadata(volume, { [stateKey]: 'encryptionPrepared', [headerSizeKey]: `${16 * 2 ** 20}` });
    return { ...volume, passphrase };
  }

  /** CreateVolume of a class that is not encrypted. */
  async createPlain(sizeBytes: number): Promise<CephCsiVolume> {
    const volume = await this.#reserve({});
    await this.#createImage(volume, sizeBytes);
    return volume;
  }

  /** DeleteVolume, without the key. */
  async remove({ uuid, image, name }: CephCsiVolume): Promise<void> {
    await this.#ceph.rbd(['rm', '--no-progress', `${pool}/${image}`]);
    await this.#ceph.rados(['-p', pool, 'rm', `csi.volume.${uuid}`]);
    await this.#ceph.rados(['-p', pool, 'rmomapkey', 'csi.volumes.default', `csi.volume.${name}`]);
  }

  /** Maps the image as NodeStageVolume does. @returns the device. */
  async map({ image }: Pick<CephCsiVolume, 'image'>): Promise<string> {
    const place = ['map', `${pool}/${image}`, '--device-type', 'krbd', '--options', 'noudev'];
    return (await this.#ceph.rbd(place)).trim();
  }

  async unmap(device: string): Promise<void> {
    await this.#ceph.rbd(['unmap', device, '--device-type', 'krbd', '--options', 'noudev']);
  }

  /** The first half of the first NodeStageVolume; the state follows with {@link noteEncrypted}. */
  async format(device: string, passphrase: string): Promise<void> {
    const sizes = ['--luks2-metadata-size', '4096k', '--luks2-keyslots-size', '8192k', '--pbkdf-memory', '32768'];
    const args = ['-q', 'luksFormat', '--type', 'luks2', '--hash', 'sha256', ...sizes, ...quickly, device, '-d', '-'];
    await cryptsetup(args, passphrase);
  }

  noteEncrypted(volume: CephCsiVolume): Promise<void> {
    return this.setMetadata(volume, { [stateKey]: 'encrypted', [headerSizeKey]: `${16 * 2 ** 20}` });
  }

  async open({ id }: CephCsiVolume, device: string, passphrase: string): Promise<string> {
    await cryptsetup(['luksOpen', device, `luks-rbd-${id}`, '--disable-keyring', '-d', '-'], passphrase);
    return `/dev/mapper/luks-rbd-${id}`;
  }

  async close({ id }: CephCsiVolume): Promise<void> {
    await cryptsetup(['luksClose', `luks-rbd-${id}`]);
  }

  async makeFilesystem(mapped: string): Promise<void> {
    await tool('mkfs.ext4', ['-m0', '-Enodiscard,assume_storage_prezeroed=1', mapped]);
  }

  /** NodeStageVolume of a volume whose device is opened: the note and the mount. @returns the mount point. */
  async mount(volume: CephCsiVolume, mapped: string, staging: string): Promise<string> {
    const place = join(staging, volume.id);
    writeNote(volume, staging);
    mkdirSync(place, { mode: 0o750 });
    await tool('mount', ['-t', 'ext4', '-o', '_netdev', mapped, place]);
    return place;
  }

  /** The same of a raw block volume. @returns where the device node is. */
  async bind(volume: CephCsiVolume, mapped: string, staging: string): Promise<string> {
    const place = join(staging, volume.id);
    writeNote(volume, staging);
    writeFileSync(place, '', { mode: 0o600 });
    await tool('mount', ['--bind', mapped, place]);
    return place;
  }

  /** The whole of a first stage. @returns the mount point. */
  async stage(volume: CephCsiVolume & { passphrase: string }, staging: string): Promise<string> {
    const device = await this.map(volume);
    await this.format(device, volume.passphrase);
    await this.noteEncrypted(volume);
    const mapped = await this.open(volume, device, volume.passphrase);
    await this.makeFilesystem(mapped);
    return this.mount(volume, mapped, staging);
  }

  async unstage(volume: CephCsiVolume, staging: string): Promise<void> {
    const place = join(staging, volume.id);
    await tool('umount', [place]);
    rmSync(place, { recursive: true });
    await this.close(volume);
    const devices: { id: string; name: string; device: string }[] = JSON.parse(
      await this.#ceph.rbd(['device', 'list', '--format', 'json']),
    );
    for (const { device } of devices.filter(({ name }) => name === volume.image)) await this.unmap(device);
    rmSync(join(staging, noteName));
  }

  /**
   * The steps of EncryptionKeyRotate on the device. The passphrase goes into keyslot 1, the new one into keyslot 0, then into
   * the KMS, and keyslot 1 is killed. A keyslot that is full already is killed first, or kept when it is the wanted one.
   */
  async rotate(device: string, old: string, store: (passphrase: string) => Promise<void>): Promise<string> {
    const next = newPassphrase();
    await addKey(device, old, old, 1);
    await addKey(device, old, next, 0);
    await store(next);
    await withKeyFiles([next], ([key = '']) => killSlot(device, key, 1));
    return next;
  }

  async setMetadata({ image }: Pick<CephCsiVolume, 'image'>, values: Readonly<Record<string, string>>): Promise<void> {
    for (const [key, value] of Object.entries(values)) {
      await this.#ceph.rbd(['image-meta', 'set', `${pool}/${image}`, key, value]);
    }
  }

  async metadata({ image }: Pick<CephCsiVolume, 'image'>): Promise<Readonly<Record<string, string>>> {
    const text = await this.#ceph.rbd(['image-meta', 'list', '--format', 'json', `${pool}/${image}`]);
    return text.trim() === '' ? {} : JSON.parse(text);
  }

  /** What ceph-csi would read of a journal entry: its own keys. */
  async journal(object: string): Promise<Readonly<Record<string, string>>> {
    return parseOmap(await this.#ceph.rados(['-p', pool, 'listomapvals', object]));
  }

  async #reserve(more: Readonly<Record<string, string>>): Promise<CephCsiVolume> {
    const uuid = randomUUID();
    const volume = { id: this.#idOf(uuid), uuid, image: `csi-vol-${uuid}`, name: `pvc-${randomUUID()}` };
    await this.#setJournal('csi.volumes.default', { [`csi.volume.${volume.name}`]: uuid });
    await this.#setJournal(`csi.volume.${uuid}`, {
      'csi.volname': volume.name,
      'csi.imagename': volume.image,
      ...more,
    });
    return volume;
  }

  async #createImage({ uuid, image }: CephCsiVolume, sizeBytes: number): Promise<void> {
    await this.#ceph.rbd(['create', '--size', `${sizeBytes}B`, '--image-feature', 'layering', `${pool}/${image}`]);
    const { id } = JSON.parse(await this.#ceph.rbd(['info', '--format', 'json', `${pool}/${image}`]));
    await this.#setJournal(`csi.volume.${uuid}`, { 'csi.imageid': id });
  }

  #idOf(uuid: string): string {
    const length = clusterId.length.toString(16).padStart(4, '0');
    return `0001-${length}-${clusterId}-${this.#poolId.toString(16).padStart(16, '0')}-${uuid}`;
  }

  async #setJournal(object: string, values: Readonly<Record<string, string>>): Promise<void> {
    for (const [key, value] of Object.entries(values)) {
      await this.#ceph.rados(['-p', pool, 'setomapval', object, key, value]);
    }
  }
}

function writeNote({ image }: CephCsiVolume, staging: string): void {
  const note = {
    Version: 3,
    pool,
    radosNamespace: '',
    image,
    unmapOptions: '',
    accessType: false,
    encrypted: true,
    device: '',
    logDir: '/var/log/ceph',
    logFileStrategy: 'remove',
  };
  mkdirSync(staging, { recursive: true });
  writeFileSync(join(staging, noteName), JSON.stringify(note), { mode: 0o600 });
}
