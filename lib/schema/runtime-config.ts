// `config.json` of `keyward csi`: emitted by the driver construct, mounted at /etc/keyward, read once at start.
import * as z from 'zod';
import { decodeWith, formatJson, parseJson } from './decode';
import { defaultDriverName, driverName } from './names';

const seconds = z.int().min(1).max(3600);

const runtimeConfig = z.strictObject({
  driverName: driverName.describe('name of the CSI driver').prefault(defaultDriverName),
  backend: z
    .strictObject({
      type: z.literal('loop'),
      directory: z
        .string()
        .regex(/^\/(?!.*(^|\/)\.\.?(\/|$))[^\0]*[^/\0]$/, { error: 'is not an absolute path of a directory' })
        .describe('directory of the backing files, the same path on the node and in the container'),
      capacityBytes: z.int().positive().describe('most that all volumes together may claim').exactOptional(),
    })
    .describe('where the ciphertext is kept'),
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

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/** Configuration of the running driver, complete. */
export type RuntimeConfig = DeepReadonly<z.output<typeof runtimeConfig>>;

/** The same as a declaration writes it: what has a default may be left out. */
export type RuntimeConfigProps = DeepReadonly<z.input<typeof runtimeConfig>>;

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
