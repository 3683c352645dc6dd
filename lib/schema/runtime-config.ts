// `config.json` of `keyward csi`: emitted by the driver construct, mounted at /etc/keyward, read once at start.
import * as z from 'zod';
import { absoluteDirectory } from './absolute-path';
import { decodeWith, formatJson, parseJson } from './decode';
import { defaultDriverName, driverName } from './names';
import { type RbdBackendConfig, type RbdBackendConfigProps, rbdBackendConfig } from './rbd-backend-config';
import type { Same, WithDefaults } from './written-type';

/** Configuration of the running driver, complete. */
export interface RuntimeConfig {
  /**
   * Name of the CSI driver: the provisioner of its classes.
   * @default csi.keyward.io
   */
  readonly driverName: string;
  /** Where the ciphertext is kept. */
  readonly backend: LoopBackendConfig | RbdBackendConfig;
  /**
   * How cryptsetup is run.
   * @default - the defaults of its fields
   */
  readonly cryptsetup: CryptsetupConfig;
  /**
   * What is logged.
   * @default - the defaults of its fields
   */
  readonly log: LogConfig;
}

/** A back end of sparse files on the node. */
export interface LoopBackendConfig {
  /** The type of the back end. */
  readonly type: 'loop';
  /** Directory of the backing files: an absolute path, the same on the node and in the container. */
  readonly directory: string;
  /**
   * Most that all volumes of a node together may claim, in bytes.
   * @default - what the filesystem of the directory has
   */
  readonly capacityBytes?: number;
}

/** Bounds of the cryptsetup processes. */
export interface CryptsetupConfig {
  /**
   * How many run at once, 1 to 64. Each may need the memory of one key derivation.
   * @default 2
   */
  readonly parallel: number;
  /**
   * Deadline of one call, 1 to 3600 seconds.
   * @default 150
   */
  readonly timeoutSeconds: number;
}

/** What goes to the log. */
export interface LogConfig {
  /**
   * The least level that is logged.
   * @default info
   */
  readonly level: 'debug' | 'info' | 'warn' | 'error';
}

/** The same as a declaration writes it: what has a default may be left out. */
export interface RuntimeConfigProps extends WithDefaults<Pick<RuntimeConfig, 'driverName'>> {
  /** Where the ciphertext is kept. */
  readonly backend: LoopBackendConfig | RbdBackendConfigProps;
  /**
   * How cryptsetup is run.
   * @default - two processes at once, 150 seconds each
   */
  readonly cryptsetup?: WithDefaults<CryptsetupConfig> | undefined;
  /**
   * What is logged.
   * @default - from level `info` on
   */
  readonly log?: WithDefaults<LogConfig> | undefined;
}

const seconds = z.int().min(1).max(3600);

const loopBackendConfig = z.strictObject({
  type: z.literal('loop'),
  directory: absoluteDirectory.describe(
    'directory of the backing files, the same path on the node and in the container',
  ),
  capacityBytes: z.int().positive().describe('most that all volumes together may claim').exactOptional(),
});

const runtimeConfig = z.strictObject({
  driverName: driverName.describe('name of the CSI driver').prefault(defaultDriverName),
  backend: z.discriminatedUnion('type', [loopBackendConfig, rbdBackendConfig]).describe('where the ciphertext is kept'),
  cryptsetup: z
    .strictObject({
      parallel: z.int().min(1).max(64).describe('cryptsetup processes at once').prefault(2),
      timeoutSeconds: seconds.describe('deadline of one cryptsetup call').prefault(150),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z.enum(['debug', 'info', 'warn', 'error']).describe('least level that is logged').prefault('info'),
    })
    .prefault({}),
});

true satisfies Same<RuntimeConfig, z.output<typeof runtimeConfig>>;
true satisfies Same<RuntimeConfigProps, z.input<typeof runtimeConfig>>;

/** Reads the text of `config.json`. */
export function decodeRuntimeConfig(text: string): RuntimeConfig {
  const subject = 'the configuration of the driver';
  return decodeWith(runtimeConfig, parseJson(text, subject), subject);
}

/** Writes the text of `config.json`, with every default spelt out. */
export function encodeRuntimeConfig(config: RuntimeConfig): string {
  return formatJson(settleRuntimeConfig(config));
}

/** Fills the defaults of a declared configuration and checks it. */
export function settleRuntimeConfig(props: RuntimeConfigProps): RuntimeConfig {
  return decodeWith(runtimeConfig, props, 'the configuration of the driver');
}
