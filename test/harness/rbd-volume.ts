/** What sidecars and the kubelet ask of a driver for one volume in Ceph, and what a pod does with it. */
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { CsiClient } from '../../tools/csi-client/csi-client';
import { type ClaimOptions, capability, type RbdDriver } from './rbd-driver';

const MiB = 1024 * 1024;

export interface RbdVolumeOptions {
  readonly block?: boolean;
  readonly fsType?: string;
  readonly context?: Readonly<Record<string, string>>;
  /** In place of those of the driver. */
  readonly secrets?: Readonly<Record<string, string>>;
}

export class RbdVolume {
  readonly id: string;
  readonly staging: string;
  readonly target: string;
  readonly #driver: RbdDriver;
  readonly #options: RbdVolumeOptions;

  /** A volume that exists, whoever made it. */
  constructor(driver: RbdDriver, id: string, options: RbdVolumeOptions = {}) {
    const uuid = id.slice(-36);
    this.id = id;
    this.staging = join(driver.root, 'staging', uuid);
    this.target = join(driver.root, 'pods', uuid);
    this.#driver = driver;
    this.#options = options;
  }

  static async create(driver: RbdDriver, options: ClaimOptions): Promise<RbdVolume> {
    return RbdVolume.made(driver, driver.claim(options), options);
  }

  /** Answers a request of `driver.claim`, which a test may have changed. */
  static async made(
    driver: RbdDriver,
    request: Parameters<RbdDriver['csi']['controller']['createVolume']>[0],
    { block = false, fsType }: Pick<ClaimOptions, 'block' | 'fsType'> = {},
  ): Promise<RbdVolume> {
    const { volume } = await driver.csi.controller.createVolume(request);
    const context = volume?.volumeContext ?? {};
    return new RbdVolume(driver, volume?.volumeId ?? '', { block, ...(fsType !== undefined && { fsType }), context });
  }

  /** Of its image, journal entry and lock. */
  get uuid(): string {
    return this.id.slice(-36);
  }

  get image(): string {
    return `csi-vol-${this.uuid}`;
  }

  /** The mapping that shows the volume. */
  get mapped(): string {
    return `/dev/mapper/luks-rbd-${this.id}`;
  }

  /** @param csi In place of the driver's own client. */
  async stage(csi: CsiClient = this.#driver.csi): Promise<void> {
    const { context = {} } = this.#options;
    mkdirSync(this.staging, { recursive: true });
    await csi.node.nodeStageVolume({
      volumeId: this.id,
      stagingTargetPath: this.staging,
      volumeCapability: this.#capability,
      volumeContext: context,
      secrets: this.#secrets,
    });
  }

  /** @param csi In place of the driver's own client. */
  async unstage(csi: CsiClient = this.#driver.csi): Promise<void> {
    await csi.node.nodeUnstageVolume({ volumeId: this.id, stagingTargetPath: this.staging });
  }

  async publish(): Promise<void> {
    await this.#driver.csi.node.nodePublishVolume({
      volumeId: this.id,
      stagingTargetPath: this.staging,
      targetPath: this.target,
      volumeCapability: this.#capability,
      volumeContext: this.#options.context ?? {},
    });
  }

  async unpublish(): Promise<void> {
    await this.#driver.csi.node.nodeUnpublishVolume({ volumeId: this.id, targetPath: this.target });
  }

  async rotate(): Promise<void> {
    await this.#driver.csi.rotation.encryptionKeyRotate({ volumeId: this.id, secrets: this.#secrets });
  }

  /** What the resizer asks for. */
  async expandImage(sizeBytes: number): Promise<void> {
    await this.#driver.csi.controller.controllerExpandVolume({
      volumeId: this.id,
      capacityRange: { requiredBytes: BigInt(sizeBytes) },
      volumeCapability: this.#capability,
      secrets: this.#secrets,
    });
  }

  /** What resizer and kubelet ask for. @param at Where the kubelet sees it. @default the staging path */
  async expand(sizeBytes: number, at = this.staging): Promise<void> {
    await this.expandImage(sizeBytes);
    await this.#driver.csi.node.nodeExpandVolume({
      volumeId: this.id,
      volumePath: at,
      stagingTargetPath: this.staging,
      capacityRange: { requiredBytes: BigInt(sizeBytes) },
      volumeCapability: this.#capability,
    });
  }

  /** @returns the id of the snapshot. */
  async snapshot(name: string): Promise<string> {
    const { snapshot } = await this.#driver.csi.controller.createSnapshot({
      name,
      sourceVolumeId: this.id,
      secrets: this.#secrets,
    });
    return snapshot?.snapshotId ?? '';
  }

  async delete(): Promise<void> {
    await this.#driver.csi.controller.deleteVolume({ volumeId: this.id, secrets: this.#secrets });
  }

  /** Writes one MiB that only this volume can have, and waits until it is on the device. */
  write(): void {
    const file = openSync(this.#data, this.#options.block ? 'r+' : 'w');
    writeSync(file, contentOf(this.id));
    fsyncSync(file);
    closeSync(file);
  }

  /** Whether what was written is there, byte for byte. @param id Of the volume that wrote it, for a copy. */
  isIntact(id = this.id): boolean {
    return this.#read().equals(contentOf(id));
  }

  /** Of the filesystem at the staging path. */
  async filesystemBytes(): Promise<number> {
    const { blocks, bsize } = await statfs(this.staging);
    return blocks * bsize;
  }

  #read(): Buffer {
    if (!this.#options.block) return readFileSync(this.#data);
    const content = Buffer.alloc(MiB);
    const file = openSync(this.#data, 'r');
    readSync(file, content);
    closeSync(file);
    return content;
  }

  get #data(): string {
    return this.#options.block ? this.mapped : join(this.staging, 'data');
  }

  get #capability() {
    return capability(this.#options.block, this.#options.fsType);
  }

  get #secrets(): Readonly<Record<string, string>> {
    return this.#options.secrets ?? this.#driver.secrets;
  }
}

/** What a pod writes into the volume with this id. */
function contentOf(id: string): Buffer {
  return Buffer.alloc(MiB, createHash('sha512').update(id).digest('hex'));
}
