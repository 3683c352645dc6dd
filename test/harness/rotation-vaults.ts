/** The KMS types that one OpenBao serves to a rotation bench: keys that it keeps, and keys that it wraps. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type KmsSettings, settleKms } from '../../lib/schema/kms';
import type { OpenBao } from './openbao';

/** Makes engines and a token. @param addressOf Of a relay in front of the server, for instance. */
export async function vaultKms(
  bao: OpenBao,
  folder: string,
  addressOf: (kmsId: string) => string = () => bao.address,
): Promise<ReadonlyMap<string, KmsSettings>> {
  await bao.expectOk('POST', 'sys/mounts/keyward', { type: 'kv', options: { version: '2' } });
  await bao.expectOk('POST', 'sys/mounts/transit', { type: 'transit' });
  await bao.expectOk('POST', 'transit/keys/volumes', { type: 'aes256-gcm96' });
  const tokenFile = join(folder, 'token');
  writeFileSync(tokenFile, bao.rootToken, { mode: 0o600 });
  const to = (kmsId: string) => ({ address: addressOf(kmsId), auth: { method: 'token', tokenFile } as const });
  return new Map<string, KmsSettings>([
    ['vault', settleKms('vault', { type: 'vault', ...to('vault'), backend: 'kv-v2', backendPath: 'keyward' })],
    ['vaulttransit', settleKms('transit', { type: 'vaulttransit', ...to('vaulttransit'), keyName: 'volumes' })],
  ]);
}
