/** What the kubelet asks of a driver for one volume, and what a pod does with it. */
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultDriverName } from '../../lib/schema/names';
import { stagingPath, targetPath } from '../../tools/local-pod/kubelet-paths';
import type { SidecarRequests } from '../../tools/local-pod/sidecars';
import type { TestClass, TestDriver } from './driver';

const MiB = 1024 * 1024;

/** One volume of a test. The paths are the kubelet's. */
export class NodeVolume {
  readonly id: string;
  readonly staging: string;
  readonly target: string;
  readonly requests: SidecarRequests;
  readonly #driver: TestDriver;

  constructor(driver: TestDriver, id: string, requests: SidecarRequests) {
    const place = { driverName: defaultDriverName, volumeId: id, pvName: requests.pvName, podUid: `pod-${id}` };
    this.id = id;
    this.requests = requests;
    this.staging = stagingPath(driver.pod.paths, place);
    this.target = targetPath(driver.pod.paths, place);
    this.#driver = driver;
  }

  static async create(driver: TestDriver, className: TestClass, sizeBytes?: number): Promise<NodeVolume> {
    const requests = driver.claim(className, sizeBytes);
    const { volume } = await driver.csi.controller.createVolume(requests.createVolume());
    return new NodeVolume(driver, volume?.volumeId ?? '', requests);
  }

  async stage(): Promise<void> {
    mkdirSync(this.staging, { recursive: true });
    await this.#driver.csi.node.nodeStageVolume({
      volumeId: this.id,
      stagingTargetPath: this.staging,
      volumeCapability: this.requests.capability,
      secrets: this.requests.secretsFor('node-stage'),
    });
  }

  async unstage(): Promise<void> {
    await this.#driver.csi.node.nodeUnstageVolume({ volumeId: this.id, stagingTargetPath: this.staging });
  }

  async publish(): Promise<void> {
    await this.#driver.csi.node.nodePublishVolume({
      volumeId: this.id,
      stagingTargetPath: this.staging,
      targetPath: this.target,
      volumeCapability: this.requests.capability,
    });
  }

  async unpublish(): Promise<void> {
    await this.#driver.csi.node.nodeUnpublishVolume({ volumeId: this.id, targetPath: this.target });
  }

  async rotate(): Promise<void> {
    await this.#driver.csi.rotation.encryptionKeyRotate({
      volumeId: this.id,
      secrets: this.requests.secretsFor('node-stage'),
    });
  }

  /** Both halves of an expansion, as resizer and kubelet ask for them. @returns the size that the node answers. */
  async expand(sizeBytes: number): Promise<number> {
    const capacityRange = { requiredBytes: BigInt(sizeBytes) };
    const { csi } = this.#driver;
    await csi.controller.controllerExpandVolume({ volumeId: this.id, capacityRange });
    const { capacityBytes } = await csi.node.nodeExpandVolume({
      volumeId: this.id,
      volumePath: this.staging,
      capacityRange,
    });
    return Number(capacityBytes);
  }

  async delete(): Promise<void> {
    await this.#driver.csi.controller.deleteVolume({ volumeId: this.id });
  }

  /** Writes a file of one MiB that only this volume can have, and waits until it is on the device. */
  write(): void {
    const file = openSync(join(this.staging, 'data'), 'w');
    writeSync(file, this.#content());
    fsyncSync(file);
    closeSync(file);
  }

  /** Whether the file is there, byte for byte. */
  isIntact(): boolean {
    return this.holdsFileOf(this);
  }

  /** Whether this one, a copy, holds the file of another volume. */
  holdsFileOf(other: NodeVolume): boolean {
    return readFileSync(join(this.staging, 'data')).equals(other.#content());
  }

  /** Of the filesystem at the staging path. */
  async filesystemBytes(): Promise<number> {
    const { blocks, bsize } = await statfs(this.staging);
    return blocks * bsize;
  }

  #content(): Buffer {
    return Buffer.alloc(MiB, createHash('sha512').update(this.id).digest('hex'));
  }
}
