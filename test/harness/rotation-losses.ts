/** What a rotation can lose while it runs: its KMS in several ways, and its device. Each for one KMS of a bench, and undone. */
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { type KmsSettings, settleKms } from '../../lib/schema/kms';
import { volume } from './driver-facts';
import { type Moto, motoRegion, startMoto } from './moto';
import { type OpenBao, startOpenBao } from './openbao';
import type { RotationBench } from './rotation-bench';
import { vaultKms } from './rotation-vaults';
import { type StallingRelay, stallingRelay } from './stalling-relay';

export const lossTools = ['openbao', 'moto'] as const;

export interface Loss {
  readonly name: string;
  begin(id: string): void | Promise<void>;
  end(id: string): void | Promise<void>;
}

export class RotationLosses {
  private constructor(
    private readonly bench: RotationBench,
    private readonly bao: OpenBao,
    private readonly moto: Moto,
    /** By KMS id, in front of its server: what one lacks the others have. */
    private readonly relays: ReadonlyMap<string, StallingRelay>,
  ) {}

  /** Starts the servers, and the bench with its KMSs `metadata`, `vault`, `vaulttransit` and `aws`. */
  static async start(bench: RotationBench): Promise<RotationLosses> {
    const [bao, moto] = await Promise.all([startOpenBao({ storage: 'file' }), startMoto()]);
    const relays = new Map([
      ['vault', await stallingRelay(bao.address)],
      ['vaulttransit', await stallingRelay(bao.address)],
      ['aws', await stallingRelay(moto.address)],
    ]);
    const addressOf = (kmsId: string) => relays.get(kmsId)?.address ?? bao.address;
    bench.putSecret('keyward', 'aws', {
      AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'example',
      AWS_CMK_ARN: await moto.createKey(),
    });
    const aws = { type: 'aws-metadata', region: motoRegion, secretName: 'aws', endpointUrl: addressOf('aws') } as const;
    await bench.start(
      new Map<string, KmsSettings>([...(await vaultKms(bao, bench.folder, addressOf)), ['aws', settleKms('aws', aws)]]),
    );
    return new RotationLosses(bench, bao, moto, relays);
  }

  /** A new version of the KEK of `vaulttransit`. */
  async rotateKek(): Promise<void> {
    await this.bao.expectOk('POST', 'transit/keys/volumes/rotate');
  }

  kmsGone(kmsId: string): Loss {
    const relay = this.relays.get(kmsId);
    // Of `metadata` the KMS is the passphrase that is mounted.
    const secret = join(this.bench.secrets, 'keyward/passphrase');
    return {
      name: 'the KMS is gone',
      begin: () => (relay ? relay.refuse() : renameSync(secret, `${secret}-away`)),
      end: () => (relay ? relay.resume() : renameSync(`${secret}-away`, secret)),
    };
  }

  /** Of one with a server. A call waits for 30 s then. */
  kmsHangs(kmsId: string): Loss {
    const relay = this.relays.get(kmsId);
    if (!relay) throw new Error(`KMS ${kmsId} has no server`);
    return { name: 'the KMS hangs', begin: () => relay.stall(), end: () => relay.resume() };
  }

  /** It answers, and takes nothing more: `vault` has no room, `aws` refuses whoever asks. */
  kmsFull(kmsId: string): Loss {
    const name = 'the KMS takes nothing more';
    if (kmsId === 'vault') return { name, begin: () => this.bao.fill(), end: () => this.bao.empty() };
    if (kmsId === 'aws') return { name, begin: () => this.moto.enforce(), end: () => this.moto.forgive() };
    throw new Error(`KMS ${kmsId} has nothing that could be full`);
  }

  deviceGone(): Loss {
    const pathOf = (id: string) =>
      this.bench.looking((deps) => deps.backEnd.images.withHeader(volume(id), async (path) => path));
    const away = new Map<string, string>();
    return {
      name: 'the device is gone',
      begin: async (id) => {
        const path = await pathOf(id);
        away.set(id, path);
        renameSync(path, `${path}-away`);
      },
      end: (id) => {
        const path = away.get(id) ?? '';
        // Nothing may have been made in its place.
        if (existsSync(path)) throw new Error(`${path} was made anew`);
        renameSync(`${path}-away`, path);
      },
    };
  }

  async stop(): Promise<void> {
    for (const relay of this.relays.values()) await relay.close();
    await Promise.all([this.bao.stop(), this.moto.stop()]);
  }
}
