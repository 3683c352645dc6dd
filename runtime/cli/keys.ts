/** `keyward keys orphans`: keys that outlived their volumes, and their removal. */
import { type Command, Option } from 'commander';
import type { KmsSettings } from '../../lib/schema/kms';
import { mountPaths } from '../../lib/schema/names';
import { readKmsConfig } from '../driver/config-files';
import { kubernetesSide } from '../driver/kubernetes-side';
import { CodedError, toCoded } from '../errors';
import { describeLocation } from '../key-location';
import { KmsSet } from '../kms/kms-set';
import { removeAt } from '../kms/sweep';
import { type OrphanKey, OrphanKeys } from '../volume/orphans';

interface OrphanFlags {
  readonly stateDir: string;
  readonly delete?: true;
  readonly vaultTokenFile?: string;
  readonly ca?: string;
  readonly kmsConfig: string;
  readonly secretsDir: string;
  readonly tenantAgent?: string;
  readonly output: 'text' | 'json';
}

export function addKeysCommand(program: Command): void {
  const keys = program.command('keys').description('keys at the KMS');
  keys
    .command('orphans')
    .description(
      'list keys whose volume was deleted on this node when their tenant was gone; nothing is removed without --delete',
    )
    .option('--state-dir <folder>', 'state of the driver on this node', '/var/lib/keyward')
    .option(
      '--delete',
      'remove them: with --vault-token-file where they were put, else with the identity of the tenant',
    )
    .option('--vault-token-file <file>', 'a token that may delete there')
    .option('--ca <file>', 'CA of Vault, with --vault-token-file')
    .option('--kms-config <file>', 'KMS sections, in the format of ceph-csi', `${mountPaths.kms}/config.json`)
    .option('--secrets-dir <folder>', 'mounted Secrets, as NAMESPACE/NAME/KEY', mountPaths.secrets)
    .option('--tenant-agent <unix://path>', 'socket of the tenant agent')
    .addOption(new Option('--output <format>', 'how to print').choices(['text', 'json']).default('text'))
    .action(orphans);
}

interface Line extends OrphanKey {
  readonly state: 'orphan' | 'removed' | 'failed';
  readonly error?: string;
}

async function orphans(flags: OrphanFlags): Promise<void> {
  const store = new OrphanKeys(flags.stateDir);
  const found = await store.list();
  const lines: Line[] = flags.delete
    ? await sweep(store, found, flags)
    : found.map((each) => ({ ...each, state: 'orphan' }));
  process.stdout.write(flags.output === 'json' ? `${JSON.stringify(lines, undefined, 2)}\n` : lines.map(text).join(''));
  const failed = lines.filter(({ state }) => state === 'failed').length;
  if (failed === 0) return;
  throw new CodedError('KMS_DENIED', `${failed} of ${lines.length} keys could not be removed`, {
    remedy: 'They stay listed: see the reasons above, and give a token that may delete there with --vault-token-file.',
  });
}

async function sweep(store: OrphanKeys, found: readonly OrphanKey[], flags: OrphanFlags): Promise<Line[]> {
  const settings = await readKmsConfig(flags.kmsConfig);
  const { tenantAgent: tenantAgentEndpoint, secretsDir: secretsDirectory } = flags;
  const side = kubernetesSide({ secretsDirectory, ...(tenantAgentEndpoint !== undefined && { tenantAgentEndpoint }) });
  const kms = new KmsSet(settings, { secrets: side.secrets, ...(side.tenants && { tenants: side.tenants }) });
  const lines: Line[] = [];
  try {
    for (const orphan of found) {
      try {
        await remove(orphan, settings, kms, flags);
        await store.forget(orphan);
        lines.push({ ...orphan, state: 'removed' });
      } catch (error) {
        lines.push({ ...orphan, state: 'failed', error: `${toCoded(error).code}: ${toCoded(error).summary}` });
      }
    }
  } finally {
    await kms.close();
    side.closeTenants();
  }
  return lines;
}

async function remove(
  { kmsId, volumeId, owner, location }: OrphanKey,
  settings: ReadonlyMap<string, KmsSettings>,
  kms: KmsSet,
  { vaultTokenFile: tokenFile, ca: caFile }: OrphanFlags,
): Promise<void> {
  const held = kms.get(kmsId);
  const own = settings.get(kmsId);
  if (tokenFile === undefined || !own) return held.remove({ volumeId, owner, location }, { secrets: new Map() });
  await removeAt(location, own, { tokenFile, ...(caFile !== undefined && { caFile }) });
}

function text({ state, kmsId, volumeId, owner, location, since, reason, error }: Line): string {
  const place = describeLocation(location);
  return `${state.padEnd(8)} ${volumeId}  KMS ${kmsId}  tenant ${owner}  at ${place}  since ${since}\n         ${error ?? reason}\n`;
}
