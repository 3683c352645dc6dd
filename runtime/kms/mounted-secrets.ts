/** Secrets that are mounted into the pod of the driver, as `<folder>/<namespace>/<name>/<key>`. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { labelName, objectName } from '../../lib/schema/names';
import { CodedError } from '../errors';
import { Secret } from '../secret';
import type { ListsSecretKeys, SecretReader } from '../secret-reader';

/** Kubernetes' own limit. */
const maxSecretBytes = 1024 * 1024;

export function mountedSecrets(folder: string): SecretReader & ListsSecretKeys {
  return {
    async read(namespace, name, key) {
      checkNames(namespace, name, key);
      const shown = `${namespace}/${name}, key ${key}`;
      let value: Buffer;
      try {
        const path = join(folder, namespace, name, key);
        if ((await stat(path)).size > maxSecretBytes) throw missing(shown, 'is larger than a Secret can be');
        value = await readFile(path);
      } catch (error) {
        throw error instanceof CodedError ? error : missing(shown, 'is not mounted', error);
      }
      if (value.length === 0) throw missing(shown, 'is empty');
      return Secret.take(value);
    },

    async keys(namespace, name) {
      checkNames(namespace, name, 'any');
      try {
        // The kubelet's own entries, `..data` and the like, are no data keys.
        return (await readdir(join(folder, namespace, name))).filter(isDataKey);
      } catch (error) {
        throw missing(`${namespace}/${name}`, 'is not mounted', error);
      }
    },
  };
}

/** The parts come from requests and configurations: none of them may lead out of the folder. */
function checkNames(namespace: string, name: string, key: string): void {
  if (labelName.safeParse(namespace).success && objectName.safeParse(name).success && isDataKey(key)) return;
  throw new CodedError('REQUEST_INVALID', 'the namespace, name or key of a Secret is not one of Kubernetes', {
    remedy: 'Correct the names in the configuration of the KMS, or the namespace of the claim.',
  });
}

function isDataKey(key: string): boolean {
  return /^[-._a-zA-Z0-9]{1,253}$/.test(key) && key !== '.' && !key.startsWith('..');
}

function missing(shown: string, fault: string, cause?: unknown): CodedError {
  return new CodedError('SECRET_MISSING', `the Secret ${shown} ${fault}`, {
    remedy: 'Create the Secret and mount it into the pod of the driver.',
    cause,
  });
}
