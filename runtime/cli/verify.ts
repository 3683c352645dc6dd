/** `keyward verify`: whether the keys that the KMSs give now open the volumes. Nothing is changed. */
import { type Command, Option } from 'commander';
import { toCoded } from '../errors';
import { Admin, type Key } from '../grpc/gen/admin_pb';
import { AdminClient } from '../rotation/admin-client';
import { classOf } from '../rotation/class-of';
import { addClassOptions, type ClassFlags, knownClasses } from './known-classes';
import { defaultAdminEndpoint } from './rotate';

interface VerifyFlags extends ClassFlags {
  readonly adminEndpoint: string;
  readonly all?: true;
  readonly output: 'text' | 'json';
}

interface Line {
  readonly id: string;
  readonly is: 'volume' | 'snapshot';
  readonly kmsId: string;
  /** `OK`, `skipped`, or the code of docs/errors.md. */
  readonly outcome: string;
  readonly detail?: string;
  readonly otherKeyslots?: readonly number[];
}

export function addVerifyCommand(program: Command): void {
  const command = addClassOptions(program.command('verify'))
    .description('test-open the header of a volume, or of all, with the key that its KMS gives now')
    .argument('[volume]', 'id of a volume or snapshot')
    .option('--admin-endpoint <unix://path>', 'admin socket of the driver on this node', defaultAdminEndpoint)
    .option('--all', 'all volumes and snapshots that the driver of this node reaches')
    .addOption(new Option('--output <format>', 'how to print').choices(['text', 'json']).default('text'));
  command.action((volume: string | undefined, flags: VerifyFlags) => {
    if ([volume, flags.all, flags.class].filter((each) => each !== undefined).length !== 1) {
      command.error('error: give one of a volume, --all and --class', { exitCode: 2 });
    }
    return verify(volume, flags);
  });
}

async function verify(volume: string | undefined, flags: VerifyFlags): Promise<void> {
  const client = new AdminClient(flags.adminEndpoint);
  try {
    const classes = await knownClasses(flags);
    const { keys } = await client.call(Admin.method.listKeys, {});
    const lines: Line[] = [];
    for (const key of keys.filter(({ id }) => volume === undefined || id === volume)) {
      const name = classOf(key, classes);
      if (flags.class !== undefined && name !== undefined && name !== flags.class) continue;
      const isUnknown = flags.class !== undefined && name === undefined;
      const line = isUnknown ? { ...about(key), ...classUnknown } : await verifyOne(client, key);
      lines.push(line);
      if (flags.output === 'text') process.stdout.write(textOf(line));
    }
    if (flags.output === 'json') process.stdout.write(`${JSON.stringify(lines, null, 2)}\n`);
    else if (volume !== undefined && lines.length === 0) process.stdout.write(`there is no volume ${volume}\n`);
    if (
      lines.some(({ outcome }) => outcome !== 'OK' && outcome !== 'skipped') ||
      (volume !== undefined && lines.length === 0)
    )
      process.exitCode = 1;
  } finally {
    client.close();
  }
}

const classUnknown = { outcome: 'skipped', detail: 'class unknown' } as const;

function about({ id, isSnapshot, kmsId }: Key) {
  return { id, is: isSnapshot ? ('snapshot' as const) : ('volume' as const), kmsId };
}

async function verifyOne(client: AdminClient, key: Key): Promise<Line> {
  const line = about(key);
  const { id, isSnapshot } = key;
  try {
    const { otherKeyslots } = await client.call(Admin.method.verifyKey, { id, isSnapshot });
    return { ...line, outcome: 'OK', ...(otherKeyslots.length > 0 && { otherKeyslots }) };
  } catch (error) {
    const { code, message } = toCoded(error);
    return { ...line, outcome: code, detail: message };
  }
}

function textOf({ outcome, is, id, kmsId, detail, otherKeyslots }: Line): string {
  const more = otherKeyslots ? `  also keyslots ${otherKeyslots.join(', ')}` : '';
  return `${outcome.padEnd(26)} ${is} ${id}  KMS ${kmsId}${detail ? `  ${detail}` : ''}${more}\n`;
}
