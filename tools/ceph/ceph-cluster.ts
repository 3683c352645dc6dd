/** A Ceph of one monitor and its OSDs with cephx, without a manager: made in one folder, and run by whoever has its processes. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ToolName } from '../components';
import { requireTool } from '../ensure';
import { CephClient } from './ceph-client';
import { type CephConfig, cephConfig, legacyPort, monitorAddress } from './ceph-config';

/** What it consists of. */
export const cephComponents = ['ceph-mon', 'ceph-osd', 'ceph'] as const satisfies readonly ToolName[];

/** A program that can be started again after its end. */
export interface CephProcess {
  /** Resolves when it is healthy. */
  start(command: CephProcessCommand): Promise<void>;
}

export interface CephProcessCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** An exception counts as not yet. */
  readonly isHealthy: () => Promise<boolean>;
}

export interface CephProcesses {
  readonly monitor: CephProcess;
  readonly osds: readonly CephProcess[];
}

export class CephCluster extends CephClient {
  protected readonly config: CephConfig;
  readonly #processes: CephProcesses;
  #adminKey = '';

  constructor(config: CephConfig, processes: CephProcesses) {
    super(config.folder);
    this.config = config;
    this.#processes = processes;
  }

  /** Of the old protocol, which every kernel speaks; the same over a restart. */
  get monitors(): readonly string[] {
    return [`${this.config.address}:${legacyPort}`];
  }

  get fsid(): string {
    return this.config.fsid;
  }

  /** Key of the user `admin`, who may do everything. */
  get adminKey(): string {
    return this.#adminKey;
  }

  /** Makes the cluster and starts it. @throws ToolError TOOL_NOT_PREPARED; Error with the output of a command */
  async initialise(): Promise<void> {
    const { config, folder } = this;
    const keyring = join(folder, 'keyring');
    writeFileSync(this.configFile, cephConfig(config));
    const everything = ['mon', 'osd', 'mds', 'mgr'].flatMap((type) => ['--cap', type, 'allow *']);
    const keys = ['--create-keyring', keyring, '--gen-key', '-n', 'client.admin', ...everything];
    await this.tool('ceph-authtool', keys);
    await this.tool('ceph-authtool', [keyring, '--gen-key', '-n', 'mon.', '--cap', 'mon', 'allow *']);
    this.#adminKey = await this.#printKey('client.admin', keyring);
    const map = join(folder, 'monmap');
    const monitors = ['--addv', 'a', monitorAddress(config)];
    await this.tool('monmaptool', ['--create', '--fsid', config.fsid, ...monitors, map]);
    await this.tool('ceph-mon', ['--mkfs', '-i', 'a', '--monmap', map, '--keyring', keyring, '-c', this.configFile]);
    await this.startMonitor();
    for (const id of this.#processes.osds.keys()) await this.#makeOsd(id);
    await this.startOsds();
  }

  protected async startMonitor(): Promise<void> {
    await this.#processes.monitor.start({
      command: requireTool('ceph-mon'),
      args: ['-f', '-i', 'a', '-c', this.configFile],
      isHealthy: async () => {
        await this.tool('ceph', ['-c', this.configFile, '--connect-timeout', '10', 'mon', 'stat']);
        return true;
      },
    });
  }

  protected async startOsds(): Promise<void> {
    for (const [id, osd] of this.#processes.osds.entries()) await osd.start(this.#osdCommand(id));
  }

  async #makeOsd(id: number): Promise<void> {
    const name = `osd.${id}`;
    const data = join(this.folder, name);
    const keyring = join(data, 'keyring');
    mkdirSync(data);
    await this.tool('ceph-authtool', ['--create-keyring', keyring, '--gen-key', '-n', name]);
    const uuid = randomUUID();
    const secret = JSON.stringify({ cephx_secret: await this.#printKey(name, keyring) });
    await this.ceph(['osd', 'new', uuid, `${id}`, '-i', '-'], secret);
    const identity = ['-i', `${id}`, '--osd-uuid', uuid, '--keyring', keyring, '-c', this.configFile];
    await this.tool('ceph-osd', ['--mkfs', ...identity]);
  }

  #osdCommand(id: number): CephProcessCommand {
    const keyring = join(this.folder, `osd.${id}`, 'keyring');
    return {
      command: requireTool('ceph-osd'),
      args: ['-f', '-i', `${id}`, '--keyring', keyring, '-c', this.configFile],
      isHealthy: async () => {
        const { osds }: { osds: readonly { osd: number; up: number }[] } = JSON.parse(
          await this.ceph(['osd', 'dump', '-f', 'json']),
        );
        return osds.some(({ osd, up }) => osd === id && up === 1);
      },
    };
  }

  async #printKey(name: string, keyring: string): Promise<string> {
    return (await this.tool('ceph-authtool', ['-p', '-n', name, keyring])).trim();
  }
}
