/** `keyward inspect DEVICE`: what a volume says of itself in its header (design §7). Needs no key, no KMS and no configuration. */
import { type Command, Option } from 'commander';
import { readHeader } from '../luks/header';
import { findToken } from '../luks/token';

export function addInspectCommand(program: Command): void {
  program
    .command('inspect')
    .description('show the LUKS2 header of a device or image file, and which KMS and key open it')
    .argument('<device>', 'block device or image file')
    .addOption(new Option('--output <format>', 'how to print').choices(['text', 'json']).default('text'))
    .action(async (device: string, { output }: { readonly output: 'text' | 'json' }) => {
      const header = await readHeader(device);
      const token = findToken(header);
      const facts = {
        uuid: header.uuid,
        cipher: header.cipher,
        keySizeBits: header.keySizeBits,
        sectorSizeBytes: header.sectorSizeBytes,
        dataOffsetBytes: header.dataOffsetBytes,
        keyslots: header.keyslots.map((each) => each.id),
        ...(token && {
          kmsId: token.kmsId,
          keyReference: token.keyReference,

          rotatedAt: token.rotatedAt ?? 'never',
        }),
      };
      if (output === 'json') process.stdout.write(`${JSON.stringify(facts, null, 2)}\n`);
      else
        for (const [name, value] of Object.entries(facts))
          process.stdout.write(`${name.padEnd(16)} ${String(value)}\n`);
    });
}
