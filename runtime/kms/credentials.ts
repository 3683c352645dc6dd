/** The Secret with which the driver, or a tenant, shows itself at a KMS: read at each call, so that a change counts at once. */
import { createHash } from 'node:crypto';
import { CodedError, isCoded } from '../errors';
import type { Secret } from '../secret';
import { listsSecretKeys, type SecretReader } from '../secret-reader';

export interface CredentialKeys {
  readonly required: readonly string[];
  readonly optional?: readonly string[];
}

/** The values of one Secret. Whoever reads it disposes of it. */
export class Credentials implements Disposable {
  /** `namespace/name`, for messages. */
  readonly source: string;
  readonly #values: ReadonlyMap<string, Secret>;

  constructor(source: string, values: ReadonlyMap<string, Secret>) {
    this.source = source;
    this.#values = values;
  }

  /** Equal for equal values; tells nothing of them. */
  get fingerprint(): string {
    const hash = createHash('sha256').update(this.source);
    for (const [key, value] of this.#values)
      value.use((bytes) => hash.update(`\0${key}\0${bytes.length}\0`).update(bytes));
    return hash.digest('hex');
  }

  /** Stays owned by the credentials. @throws CodedError SECRET_MISSING for a key that is not there. */
  secret(key: string): Secret {
    const value = this.#values.get(key);
    if (value) return value;
    throw new CodedError('SECRET_MISSING', `the Secret ${this.source} has no key ${key}`, {
      remedy: `Add the key ${key} to the Secret.`,
    });
  }

  /** Undefined when the Secret does not have this optional key. */
  optionalText(key: string): string | undefined {
    return this.#values.get(key)?.use((bytes) => bytes.toString('utf8'));
  }

  /** The value as text, not trimmed. */
  text(key: string): string {
    return this.secret(key).use((bytes) => bytes.toString('utf8'));
  }

  /** As {@link text}, for a value that stands on one line: an id, a key of an account. @throws CodedError CONFIG_INVALID */
  word(key: string): string {
    const text = this.text(key);
    if (/^[\x21-\x7e]+$/.test(text)) return text;
    throw new CodedError('CONFIG_INVALID', `the key ${key} of the Secret ${this.source} is not one word`, {
      remedy: 'Write the value alone, without blanks and without a line break at its end.',
    });
  }

  [Symbol.dispose](): void {
    for (const value of this.#values.values()) value.zero();
  }
}

/**
 * @throws CodedError SECRET_MISSING: the Secret or a required key is absent or empty; CONFIG_INVALID: the Secret has a key
 *   that does not belong there, which ceph-csi refuses as well (such a Secret is often another one by mistake)
 */
export async function readCredentials(
  secrets: SecretReader,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  { required, optional = [] }: CredentialKeys,
): Promise<Credentials> {
  const source = `${namespace}/${name}`;
  if (listsSecretKeys(secrets)) {
    const unknown = (await secrets.keys(namespace, name)).filter((key) => ![...required, ...optional].includes(key));
    if (unknown.length > 0) throw unexpected(source, unknown, [...required, ...optional]);
  }
  const values = new Map<string, Secret>();
  try {
    for (const key of required) values.set(key, await secrets.read(namespace, name, key));
    for (const key of optional) {
      const value = await orAbsent(secrets.read(namespace, name, key));
      if (value) values.set(key, value);
    }
  } catch (error) {
    for (const value of values.values()) value.zero();
    throw error;
  }
  return new Credentials(source, values);
}

/** The namespace of the driver. @throws CodedError CONFIG_INVALID when it is not known. */
export function driverNamespace({ podNamespace }: { readonly podNamespace?: string | undefined }): string {
  if (podNamespace) return podNamespace;
  throw new CodedError('CONFIG_INVALID', 'the namespace of the driver is not known, and its Secret is there', {
    remedy: 'Set POD_NAMESPACE in the environment of the driver (fieldRef metadata.namespace), or use --namespace.',
  });
}

async function orAbsent<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isCoded(error, 'SECRET_MISSING')) return undefined;
    throw error;
  }
}

function unexpected(source: string, unknown: readonly string[], allowed: readonly string[]): CodedError {
  return new CodedError(
    'CONFIG_INVALID',
    `the Secret ${source} has keys that do not belong there: ${unknown.join(', ')}`,
    {
      remedy: `Keep only ${allowed.join(', ')} in it; ceph-csi refuses such a Secret too.`,
    },
  );
}
