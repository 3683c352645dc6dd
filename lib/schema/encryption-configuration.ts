// EncryptionConfiguration (apiserver.config.k8s.io/v1): what an API server encrypts in etcd, and with which providers. The
// rules are those of the server's own validation with automatic reload, so that what is accepted here is accepted there.
import * as z from 'zod';
import { decodeWith } from './decode';
import { overlapFault, resourceFault } from './encryption-resources';
import { goDurationNs } from './go-duration';
import type { Same } from './written-type';
import type { IssueParams } from './zod-issues';

/** The document, complete but for what the server fills in. */
export interface EncryptionConfiguration {
  /** Version of the document. */
  readonly apiVersion: 'apiserver.config.k8s.io/v1';
  /** Kind of the document. */
  readonly kind: 'EncryptionConfiguration';
  /** At least one entry. The first that names a resource counts. */
  readonly resources: readonly EncryptionEntry[];
}

/** What is encrypted, and with which providers. */
export interface EncryptionEntry {
  /** `secrets`, `deployments.apps`, `*.apps`, `*.` or `*.*`; at least one. */
  readonly resources: readonly string[];
  /** The first writes, all are tried for reading; at least one. */
  readonly providers: readonly EncryptionProviderEntry[];
}

/** One provider as the document has it: exactly one of the fields is there. */
export interface EncryptionProviderEntry {
  /** A KMS plugin. */
  readonly kms?: KmsProviderEntry;
  /** Plain text. */
  readonly identity?: Readonly<Record<string, never>>;
  /** XSalsa20 and Poly1305 with keys in the file. */
  readonly secretbox?: LocalKeys;
  /** AES-CBC with keys in the file. */
  readonly aescbc?: LocalKeys;
  /** AES-GCM with keys in the file. */
  readonly aesgcm?: LocalKeys;
}

/** A KMS plugin as the API server is told of it. */
export interface KmsProviderEntry {
  /**
   * Version of the KMS API.
   * @default v1
   */
  readonly apiVersion: 'v1' | 'v2';
  /** Name of the provider: part of what is stored, so it can never change. With `v2` no colon. */
  readonly name: string;
  /** `unix:///path` of the socket or, in the abstract namespace, `unix:///@name`. */
  readonly endpoint: string;
  /**
   * Decrypted keys that are kept in memory; a negative number: none. Version `v1` only.
   * @default - the server's: 1000
   */
  readonly cachesize?: number;
  /**
   * How long a call may take, as a duration of Go.
   * @default - the server's: 3s
   */
  readonly timeout?: string;
}

/** Keys in the file itself. */
export interface LocalKeys {
  /** The first encrypts, all are tried for decryption; at least one. */
  readonly keys: readonly LocalKey[];
}

/** A key in the file itself. */
export interface LocalKey {
  /** Name of the key: part of what is stored. */
  readonly name: string;
  /** `${NAME}`: the key is filled in on the node (trap 15). */
  readonly secret: string;
}

const remedy = (text: string) => ({ remedy: text }) satisfies IssueParams;

/** A socket as both sides read it. `%`, `?` and `#` would mean something else to the server's URL parser. */
const endpoint = z
  .string()
  .regex(/^unix:\/\/\/[^\s%?#\0]*[^\s%?#\0/]$/, { error: 'is not a unix socket', abort: true })
  .refine((text) => new TextEncoder().encode(text).length <= 'unix://'.length + 107, {
    error: 'is longer than a unix socket can be',
    params: remedy('choose a path of at most 107 bytes'),
  })
  .describe('unix:///path of the socket or, in the abstract namespace, unix:///@name');

const kms = z
  .strictObject({
    apiVersion: z.enum(['v1', 'v2']).describe('version of the KMS API').prefault('v1'),
    name: z.string().min(1).describe('name of the provider: part of what is stored, so it can never change'),
    endpoint,
    cachesize: z
      .int()
      .min(-(2 ** 31))
      .max(2 ** 31 - 1)
      .refine((size) => size !== 0, { error: 'is 0', params: remedy('give a number; a negative one disables it') })
      .describe('decrypted keys that are kept in memory; version v1 only')
      .exactOptional(),
    timeout: z
      .string()
      .refine((text) => (goDurationNs(text) ?? 0) > 0, {
        error: 'is not a duration of Go above zero',
        params: remedy('write it like 3s or 1m30s'),
      })
      .describe('how long a call may take, as a duration of Go')
      .exactOptional(),
  })
  .refine(({ apiVersion, name }) => apiVersion === 'v1' || !name.includes(':'), {
    path: ['name'],
    error: 'has a colon',
    params: remedy('the colon ends the name in what is stored: choose a name without one'),
  })
  .refine(({ apiVersion, cachesize }) => apiVersion === 'v1' || cachesize === undefined, {
    path: ['cachesize'],
    error: 'is known to version v1 only',
    params: remedy('remove it: v2 has a cache of its own'),
  });

/** A key stands in the file as `${NAME}`, and is filled in where the file is placed on the node (trap 15). */
const placeholder = z.string().regex(/^\$\{[A-Za-z_]\w*\}$/, {
  error: 'holds the text of a key',
});

const localKeys = z.strictObject({
  keys: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        secret: placeholder.describe('write a placeholder, and fill in the key where the file is placed (trap 15)'),
      }),
    )
    .min(1),
});

const provider = z
  .strictObject({
    kms: kms.exactOptional(),
    identity: z.strictObject({}).describe('plain text').exactOptional(),
    secretbox: localKeys.exactOptional(),
    aescbc: localKeys.exactOptional(),
    aesgcm: localKeys.exactOptional(),
  })
  .refine((it) => Object.keys(it).length === 1, {
    error: 'must be exactly one provider',
    params: remedy('write each provider as an entry of its own'),
  });

const resource = z.string().superRefine((name, context) => {
  const fault = resourceFault(name);
  if (fault) context.addIssue({ code: 'custom', message: fault.message, params: remedy(fault.remedy) });
});

const document = z
  .strictObject({
    apiVersion: z.literal('apiserver.config.k8s.io/v1'),
    kind: z.literal('EncryptionConfiguration'),
    resources: z
      .array(z.strictObject({ resources: z.array(resource).min(1), providers: z.array(provider).min(1) }))
      .min(1),
  })
  .superRefine(({ resources }, context) => {
    const add = (message: string, params: IssueParams) =>
      context.addIssue({ code: 'custom', path: ['resources'], message, params: { ...params } });
    const fault = overlapFault(resources.map((each) => each.resources));
    if (fault) add(fault.message, remedy(fault.remedy));
    const names = resources.flatMap(({ providers }) => providers.flatMap((each) => each.kms?.name ?? []));
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) {
      add(`name two KMS providers "${twice}"`, remedy('give each its own name, also across the entries'));
    }
  });

true satisfies Same<EncryptionConfiguration, z.output<typeof document>>;

/** One provider. The first of a list writes, all are tried for reading. */
export type EncryptionProvider =
  | { readonly kms: KmsProviderEntry }
  | { readonly identity: Readonly<Record<string, never>> }
  | { readonly secretbox: LocalKeys }
  | { readonly aescbc: LocalKeys }
  | { readonly aesgcm: LocalKeys };

const subject = 'the EncryptionConfiguration';

/** Reads a parsed document. @throws SchemaError naming every fault; the text of a key is never quoted. */
export function decodeEncryptionConfiguration(value: unknown): EncryptionConfiguration {
  return decodeWith(document, value, subject);
}

/** Writes the document from its entries, in the order given. @throws SchemaError as decodeEncryptionConfiguration. */
export function encodeEncryptionConfiguration(
  resources: readonly { readonly resources: readonly string[]; readonly providers: readonly EncryptionProvider[] }[],
): EncryptionConfiguration {
  return decodeWith(
    document,
    { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration', resources },
    subject,
  );
}
