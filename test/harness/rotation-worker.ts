/**
 * One rotation in a process of its own, to be killed: far cheaper than a whole driver. The program of {@link RotationBench},
 * bundled by it; with the crash hook preloaded it dies where the test wants it to.
 */
import { existsSync, readFileSync } from 'node:fs';
import { decodeKmsConfig } from '../../lib/schema/kms';
import { KeyedLock } from '../../runtime/async/keyed-lock';
import { Semaphore } from '../../runtime/async/semaphore';
import { openLoopBackEnd } from '../../runtime/device/loop/loop-back-end';
import { toCoded } from '../../runtime/errors';
import { KmsSet } from '../../runtime/kms/kms-set';
import { mountedSecrets } from '../../runtime/kms/mounted-secrets';
import { mountedOrOfTenant } from '../../runtime/kms/tenant-secrets';
import { silentLog } from '../../runtime/log';
import { Cryptsetup } from '../../runtime/luks/cryptsetup';
import { Mounts } from '../../runtime/mount/mounts';
import { run } from '../../runtime/process/run';
import { TenantAgentClient } from '../../runtime/tenant-agent/client';
import type { VolumeDeps } from '../../runtime/volume/context';
import { OrphanKeys } from '../../runtime/volume/orphans';
import { reencryptVolume } from '../../runtime/volume/reencrypt';
import { rewrapKey } from '../../runtime/volume/rewrap';
import { rotatePassphrase } from '../../runtime/volume/rotate';
import { StageRecords } from '../../runtime/volume/stage-record';
import { Verifications } from '../../runtime/volume/verifications';

export type RotationKind = 'kek' | 'passphrase' | 'volume-key';

/** Of the driver: its Secrets are mounted. */
const podNamespace = 'keyward';

/** The parts of the driver over one folder, as the worker and the test itself open them. */
export async function rotationParts(folder: string): Promise<VolumeDeps> {
  const tenants = tenantsOf(folder);
  const mounted = `${folder}/secrets`;
  return {
    backEnd: await openLoopBackEnd({ directory: `${folder}/backing`, nodeId: 'node-1' }, { run }),
    kms: new KmsSet(decodeKmsConfig(readFileSync(`${folder}/kms.json`, 'utf8')), {
      secrets: tenants ? mountedOrOfTenant(mounted, tenants, podNamespace) : mountedSecrets(mounted),
      podNamespace,
      ...(tenants && { tenants }),
    }),
    cryptsetup: new Cryptsetup({ run, parallel: new Semaphore(2) }),
    mounts: new Mounts(run),
    run,
    stages: new StageRecords(`${folder}/state`),
    orphans: new OrphanKeys(`${folder}/state`),
    verifications: new Verifications(`${folder}/state`),
    locks: new KeyedLock(),
    log: silentLog,
    now: () => new Date(),
  };
}

/** Of the tenant agent, where the bench has one: its endpoint is in a file. */
function tenantsOf(folder: string): TenantAgentClient | undefined {
  const file = `${folder}/tenant-agent`;
  return existsSync(file) ? new TenantAgentClient({ endpoint: readFileSync(file, 'utf8') }) : undefined;
}

async function rotate(deps: VolumeDeps, kind: string, id: string): Promise<void> {
  const call = { secrets: new Map() };
  if (kind === 'kek') await rewrapKey(deps, { kind: 'volume', id }, call);
  else if (kind === 'passphrase') await rotatePassphrase(deps, id, call);
  else await reencryptVolume(deps, id, call, { budgetMs: 600_000 });
}

async function main([folder = '', kind = '', id = '']: readonly string[]): Promise<void> {
  const deps = await rotationParts(folder);
  await rotate(deps, kind, id).finally(() => deps.kms.close());
}

if (require.main === module) {
  main(process.argv.slice(2)).catch((error: unknown) => {
    const { code, summary } = toCoded(error);
    process.stderr.write(`${code}: ${summary}\n`);
    process.exit(1);
  });
}
