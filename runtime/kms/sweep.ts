/** Removes a key at the place where it was put, with the operator's own token: for keys whose tenant is gone. */
import { readFile } from 'node:fs/promises';
import type { KmsSettings } from '../../lib/schema/kms';
import { CodedError } from '../errors';
import type { KeyLocation } from '../key-location';
import { tokenAuth } from '../vault/auth/token';
import { VaultClient } from '../vault/client';
import { openKeyValue } from '../vault/kv-engine';

export interface Operator {
  /** Holds a token that may delete at the place. */
  readonly tokenFile: string;
  readonly caFile?: string;
}

/** Does what the deletion policy of the KMS says. @throws CodedError KMS_*, CONFIG_*. */
export async function removeAt(location: KeyLocation, settings: KmsSettings, operator: Operator): Promise<void> {
  const { address, namespace, mountPath, kvVersion: version, key } = location;
  if (settings.type !== 'vaulttokens' && settings.type !== 'vaulttenantsa') {
    throw new CodedError('CONFIG_INVALID', `a KMS of type ${settings.type} has no keys of tenants`, {
      remedy: 'Give the KMS configuration that the driver had when the volume was deleted.',
    });
  }
  const { verify, serverName } = settings.tls;
  const caPem = operator.caFile === undefined ? undefined : await readCa(operator.caFile);
  const tls = { verify, ...(caPem !== undefined && { caPem }), ...(serverName !== undefined && { serverName }) };
  const client = new VaultClient({ address, tls }, tokenAuth({ tokenFile: operator.tokenFile, namespace: '' }));
  try {
    const mode = settings.deletion === 'recoverable' ? 'recoverable' : 'destroy';
    await openKeyValue(client, { namespace, mountPath, version }).remove(key, mode);
  } finally {
    client.close();
  }
}

async function readCa(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new CodedError('CONFIG_UNREADABLE', `the CA in ${path} cannot be read`, {
      remedy: 'Give the path of a file with the CA as PEM text.',
      cause: error,
    });
  }
}
