/** Reads the documents that the constructs emit, as they are mounted into the pod. */
import { readFile } from 'node:fs/promises';
import { decodeKmsConfig, type KmsSettings } from '../../lib/schema/kms';
import { decodeRuntimeConfig, type RuntimeConfig } from '../../lib/schema/runtime-config';
import { SchemaError } from '../../lib/schema/schema-error';
import { CodedError } from '../errors';

/** @throws CodedError CONFIG_UNREADABLE, CONFIG_INVALID naming the key. */
export async function readRuntimeConfig(path: string): Promise<RuntimeConfig> {
  return decodeFile(path, decodeRuntimeConfig);
}

/** @throws CodedError CONFIG_UNREADABLE, CONFIG_INVALID naming the KMS id and the key. */
export async function readKmsConfig(path: string): Promise<ReadonlyMap<string, KmsSettings>> {
  return decodeFile(path, decodeKmsConfig);
}

async function decodeFile<T>(path: string, decode: (text: string) => T): Promise<T> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new CodedError('CONFIG_UNREADABLE', `${path} cannot be read`, {
      remedy: 'Check that the ConfigMap exists and is mounted there.',
      cause,
    });
  });
  try {
    return decode(text);
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    throw new CodedError('CONFIG_INVALID', `${path}: ${error.message}`, {
      // What to do about each fault is in the message.
      remedy: 'Mend the declaration that wrote the file, and start the driver again.',
      cause: error,
    });
  }
}
