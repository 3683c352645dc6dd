/** A volume on the loop back end, as the kernel tests of luks, loop and mount use it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultLuks } from '../../lib/schema/luks-parameters';
import { Semaphore } from '../../runtime/async/semaphore';
import type { BackEnd, ImageRef } from '../../runtime/device/back-end';
import { openLoopBackEnd } from '../../runtime/device/loop/loop-back-end';
import { Cryptsetup, headerBytes } from '../../runtime/luks/cryptsetup';
import { findMapping, mappingName, resumeMapping } from '../../runtime/luks/mapping';
import { run } from '../../runtime/process/run';
import { Secret } from '../../runtime/secret';

export const uuid = '5f0f3d0e-8a52-4c19-9c5b-0d8c3b5d7a11';
export const mebibyte = 1024 * 1024;
export const luks = defaultLuks;
export const key = () => Secret.take(Buffer.from('a key \n of \0 raw bytes'));
export const cryptsetup = new Cryptsetup({ run, parallel: new Semaphore(2) });

/** A back end in a folder of its own. */
export class Bench {
  readonly folder = mkdtempSync(join(tmpdir(), 'keyward-bench-'));
  readonly #names: string[] = [];
  readonly #ids: string[] = [];
  #backEnd: BackEnd | undefined;

  get backEnd(): BackEnd {
    if (!this.#backEnd) throw new Error('start() first');
    return this.#backEnd;
  }

  /** Again: what a restarted process sees. */
  async start(): Promise<void> {
    this.#backEnd = await openLoopBackEnd(
      { directory: this.folder, nodeId: 'node-1', capacityBytes: 1024 ** 4 },
      { run },
    );
  }

  async newImage(dataBytes: number): Promise<ImageRef> {
    const id = await this.backEnd.volumes.reserve(`pvc-${this.#ids.length}`);
    this.#ids.push(id);
    await this.backEnd.images.allocate({ kind: 'volume', id }, headerBytes + dataBytes);
    return { kind: 'volume', id };
  }

  /** Formats the image, attaches it and opens it. */
  async openVolume(
    dataBytes: number,
  ): Promise<{ readonly image: ImageRef; readonly device: string; readonly name: string; readonly mapped: string }> {
    const image = await this.newImage(dataBytes);
    const device = await this.backEnd.devices.attach(image.id);
    await cryptsetup.format({ device, uuid, luks, dek: key() });
    const name = this.closesLater(mappingName(image.id));
    await cryptsetup.open({ device, name, dek: key() });
    return { image, device, name, mapped: `/dev/mapper/${name}` };
  }

  /** A mapping that the test itself opens, and that {@link stop} closes. */
  closesLater(name: string): string {
    this.#names.push(name);
    return name;
  }

  /** Undoes what is left; mounts first by the test itself. */
  async stop(): Promise<void> {
    for (const name of this.#names) {
      if ((await findMapping(name))?.suspended) await resumeMapping(run, name);
      await cryptsetup.close(name);
    }
    for (const id of this.#ids) await this.backEnd.devices.detach(id);
    rmSync(this.folder, { recursive: true });
  }
}
