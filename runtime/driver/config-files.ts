/** Reads the documents that the constructs emit, as they are mounted into the pod. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { decodeKmsConfig, type KmsSettings } from '../../lib/schema/kms';
import { decodeRuntimeConfig, type RuntimeConfig } from '../../lib/schema/runtime-config';
import { SchemaError } from '../../lib/schema/schema-error';
import { CodedError, isErrno } from '../errors';
import type { KmsSettingsById } from '../kms/kms-set';
import type { Log } from '../log';

/** @throws CodedError CONFIG_UNREADABLE, CONFIG_INVALID naming the key. */
export async function readRuntimeConfig(path: string): Promise<RuntimeConfig> {
  return decodeFile(path, decodeRuntimeConfig);
}

/** @throws CodedError CONFIG_UNREADABLE, CONFIG_INVALID naming the KMS id and the key. */
export async function readKmsConfig(path: string): Promise<ReadonlyMap<string, KmsSettings>> {
  return decodeFile(path, decodeKmsConfig);
}

/**
 * The same for who serves meanwhile: when the ConfigMap is not there yet, a Pod that needs a key is told so, and none has to be
 * restarted when it comes. What was read is kept: a change of the declaration replaces the pods.
 * @throws CodedError CONFIG_INVALID; CONFIG_UNREADABLE for what is there. Later its methods throw the same, also while it is absent.
 */
export async function openKmsConfig(path: string, log: Log): Promise<KmsSettingsById> {
  let read: ReadonlyMap<string, KmsSettings> | undefined;
  try {
    read = await readKmsConfig(path);
  } catch (error) {
    if (!(error instanceof CodedError && isErrno(error.cause, 'ENOENT'))) throw error;
    log.warn('no KMS configuration yet', { path, code: error.code });
  }
  const settings = () => {
    read ??= decode(path, readNow(path), decodeKmsConfig);
    return read;
  };
  return {
    get: (kmsId) => settings().get(kmsId),
    keys: () => settings().keys(),
    values: () => settings().values(),
  };
}

function readNow(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

async function decodeFile<T>(path: string, decoder: (text: string) => T): Promise<T> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  return decode(path, text, decoder);
}

function unreadable(path: string, cause: unknown): CodedError {
  return new CodedError('CONFIG_UNREADABLE', `${path} cannot be read`, {
    remedy:
      "The cluster's administrator applies the ConfigMap that is mounted there; the kubelet brings it within two minutes.",
    cause,
  });
}

function decode<T>(path: string, text: string, decoder: (text: string) => T): T {
  try {
    return decoder(text);
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    throw new CodedError('CONFIG_INVALID', `${path}: ${error.message}`, {
      // What to do about each fault is in the message.
      remedy: 'Mend the declaration that wrote the file, and start the driver again.',
      cause: error,
    });
  }
}
