/** `keyward verify`: whether the keys that the KMSs give now open the volumes. Nothing is changed. */
import { type Command, Option } from 'commander';
import { toCoded } from '../errors';
import { Admin, type Key } from '../grpc/gen/admin_pb';
import { AdminClient } from '../rotation/admin-client';
import { defaultAdminEndpoint } from './rotate';

interface VerifyFlags {
  readonly adminEndpoint: string;
  readonly all?: true;
  readonly output: 'text' | 'json';
}

interface Line {
  readonly id: string;
  readonly is: 'volume' | 'snapshot';
  readonly kmsId: string;
  /** `OK`, or the code of docs/errors.md. */
  readonly outcome: string;
  readonly detail?: string;
  readonly otherKeyslots?: readonly number[];
}

export function addVerifyCommand(program: Command): void {
  const command = program
    .command('verify')
    .description('test-open the header of a volume, or of all, with the key that its KMS gives now')
    .argument('[volume]', 'id of a volume or snapshot')
    .option('--admin-endpoint <unix://path>', 'admin socket of the driver on this node', defaultAdminEndpoint)
    .option('--all', 'all volumes and snapshots that the driver of this node reaches')
    .addOption(new Option('--output <format>', 'how to print').choices(['text', 'json']).default('text'));
  command.action((volume: string | undefined, flags: VerifyFlags) => {
    if ((volume === undefined) === (flags.all === undefined)) {
      command.error('error: name a volume, or give --all', { exitCode: 2 });
    }
    return verify(volume, flags);
  });
}

async function verify(volume: string | undefined, flags: VerifyFlags): Promise<void> {
  const client = new AdminClient(flags.adminEndpoint);
  try {
    const { keys } = await client.call(Admin.method.listKeys, {});
    const chosen = keys.filter(({ id }) => volume === undefined || id === volume);
    const lines: Line[] = [];
    for (const key of chosen) {
      const line = await verifyOne(client, key);
      lines.push(line);
      if (flags.output === 'text') process.stdout.write(textOf(line));
    }
    if (flags.output === 'json') process.stdout.write(`${JSON.stringify(lines, null, 2)}\n`);
    else if (volume !== undefined && lines.length === 0) process.stdout.write(`there is no volume ${volume}\n`);
    if (lines.some(({ outcome }) => outcome !== 'OK') || (volume !== undefined && lines.length === 0))
      process.exitCode = 1;
  } finally {
    client.close();
  }
}

async function verifyOne(client: AdminClient, { id, isSnapshot, kmsId }: Key): Promise<Line> {
  const line = { id, is: isSnapshot ? 'snapshot' : 'volume', kmsId } as const;
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
