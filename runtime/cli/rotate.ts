/** `keyward rotate`: keys of volumes, one or many, through the driver of this node. Keys and secrets stay with the driver. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { mountPaths } from '../../lib/schema/names';
import { Admin } from '../grpc/gen/admin_pb';
import { AdminClient } from '../rotation/admin-client';
import { pacer } from '../rotation/pace';
import { type Remains, remainsOf } from '../rotation/remains';
import { type Line, runRotation } from '../rotation/run';
import type { RotationKind } from '../rotation/select';
import { integer, rate } from './arguments';
import { addClassOptions, type ClassFlags, knownClasses } from './known-classes';

export const defaultAdminEndpoint = `unix://${mountPaths.admin}/admin.sock`;

interface RotateFlags extends ClassFlags {
  readonly adminEndpoint: string;
  readonly all?: true;
  readonly tenant?: string;
  readonly kms?: string;
  readonly compromised?: string;
  readonly kek?: true;
  readonly passphrase?: true;
  readonly volumeKey?: true;
  readonly olderThan?: number;
  readonly since?: string;
  readonly dryRun?: true;
  readonly rate?: number;
  readonly jitter?: number;
  readonly output: 'text' | 'json';
}

export function addRotateCommand(program: Command): void {
  const command = addClassOptions(program.command('rotate'))
    .description('rotate keys: of one volume, or of all that the flags select')
    .argument('[volume]', 'id of a volume (with --kek also of a snapshot)')
    .option('--admin-endpoint <unix://path>', 'admin socket of the driver on this node', defaultAdminEndpoint)
    .option('--all', 'all volumes that the driver of this node reaches')
    .option('--tenant <namespace>', 'volumes of one tenant')
    .option('--kms <id>', 'volumes of one KMS')
    .option(
      '--compromised <kms-id>',
      'with --all: KEK and passphrase of every volume of this KMS, and what still has old keys',
    )
    .option('--kek', 'a new version of the KEK, and every key wrapped again with it')
    .option('--passphrase', 'a new passphrase in KMS and keyslot; this when no kind is given')
    .option('--volume-key', 're-encrypt the data with a new volume key; takes as long as reading and writing all of it')
    .addOption(
      new Option('--older-than <age>', 'leave out what was rotated less than this ago, as 30d or 12h').argParser(age),
    )
    .addOption(
      new Option('--since <time>', 'go on with a run that began then: leave out what was rotated since').argParser(
        time,
      ),
    )
    .option('--dry-run', 'say what would be rotated')
    .addOption(new Option('--rate <N/min>', 'at most so many volumes a minute').argParser(rate))
    .addOption(
      new Option('--jitter <seconds>', 'wait up to so long before each volume').argParser(
        integer({ min: 0, max: 86_400 }),
      ),
    )
    .addOption(new Option('--output <format>', 'how to print').choices(['text', 'json']).default('text'));
  command.action((volume: string | undefined, flags: RotateFlags) => {
    const chosen = [volume, flags.all, flags.class, flags.tenant, flags.kms].filter((each) => each !== undefined);
    if (chosen.length === 0)
      command.error('error: name a volume, or give --all, --class, --tenant or --kms', { exitCode: 2 });
    if (volume !== undefined && chosen.length > 1)
      command.error('error: a volume and a selection exclude one another', { exitCode: 2 });
    if (flags.compromised !== undefined && !flags.all)
      command.error('error: --compromised needs --all', { exitCode: 2 });
    if (flags.since !== undefined && flags.olderThan !== undefined) {
      command.error('error: --since and --older-than exclude one another', { exitCode: 2 });
    }
    return rotate(volume, flags);
  });
}

async function rotate(volume: string | undefined, flags: RotateFlags): Promise<void> {
  const startedAt = flags.since ?? new Date().toISOString();
  const since =
    flags.since ?? (flags.olderThan === undefined ? undefined : new Date(Date.now() - flags.olderThan).toISOString());
  const kmsId = flags.compromised ?? flags.kms;
  const client = new AdminClient(flags.adminEndpoint);
  const say = (text: string) => void (flags.output === 'text' && process.stdout.write(text));
  try {
    if (!flags.dryRun)
      say(`started at ${startedAt}; to go on after an interruption repeat with --since ${startedAt}\n`);
    const classes = await knownClasses(flags);
    const lines = await runRotation(client, {
      selection: {
        ...(volume !== undefined && { id: volume }),
        ...(flags.tenant !== undefined && { tenant: flags.tenant }),
        ...(kmsId !== undefined && { kmsId }),
        ...(flags.class !== undefined && { className: flags.class, classes }),
        ...(since !== undefined && { since }),
      },
      kinds: kindsOf(flags),
      dryRun: flags.dryRun ?? false,
      newKek: flags.since === undefined,
      pace: pacer({
        ...(flags.rate !== undefined && { perMinute: flags.rate }),
        ...(flags.jitter !== undefined && { jitterMs: flags.jitter * 1000 }),
      }),
      onProgress: (line, done, of) => say(`${done}/${of} ${textOf(line)}`),
    });
    const remains =
      flags.compromised === undefined || flags.dryRun ? [] : await remainsAfter(client, flags.compromised, startedAt);
    const unknown = volume !== undefined && lines.length === 0;
    const failed = lines.filter(({ outcome }) => outcome === 'failed').length + (unknown ? 1 : 0);
    if (flags.output === 'json') process.stdout.write(`${JSON.stringify({ startedAt, lines, remains }, null, 2)}\n`);
    else say(summary(lines, remains, volume));
    if (failed > 0) process.exitCode = 1;
  } finally {
    client.close();
  }
}

function kindsOf({ kek, passphrase, volumeKey, compromised }: RotateFlags): readonly RotationKind[] {
  const asked: RotationKind[] = [
    ...(kek || compromised !== undefined ? ['kek' as const] : []),
    ...(passphrase || compromised !== undefined ? ['passphrase' as const] : []),
    ...(volumeKey ? ['volume-key' as const] : []),
  ];
  return asked.length === 0 ? ['passphrase'] : asked;
}

async function remainsAfter(client: AdminClient, kmsId: string, startedAt: string): Promise<readonly Remains[]> {
  const { keys } = await client.call(Admin.method.listKeys, {});
  return remainsOf(keys, kmsId, startedAt);
}

function textOf({ outcome, kind, is, id, kmsId, code, detail }: Line): string {
  return `${outcome.padEnd(9)} ${kind.padEnd(10)} ${is} ${id}  KMS ${kmsId}${code ? `  ${code}` : ''}${detail ? `  ${detail}` : ''}\n`;
}

function summary(lines: readonly Line[], remains: readonly Remains[], volume: string | undefined): string {
  if (lines.length === 0) return volume === undefined ? 'nothing to rotate\n' : `there is no volume ${volume}\n`;
  const counts = new Map<string, number>();
  for (const { outcome } of lines) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const skipped = lines.filter(({ outcome }) => outcome === 'skipped').map(textOf);
  const left = remains.map(({ id, is, reason }) => `still     ${is} ${id}: ${reason}\n`);
  return [...skipped, ...left, `${[...counts].map(([outcome, count]) => `${count} ${outcome}`).join(', ')}\n`].join('');
}

function age(text: string): number {
  const [, count, unit = ''] = /^(\d{1,5})([smhdw])$/.exec(text) ?? [];
  const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }[unit];
  if (count !== undefined && unitMs !== undefined) return Number(count) * unitMs;
  throw new InvalidArgumentError('Give a number and one of s, m, h, d, w, as 30d.');
}

function time(text: string): string {
  const at = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(at)) return new Date(at).toISOString();
  throw new InvalidArgumentError('Give a time as 2026-01-31T09:00:00Z.');
}
