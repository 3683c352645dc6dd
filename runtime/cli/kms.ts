/** `keyward kms list`: what each KMS type can do. Needs no KMS and no configuration. */
import { type Command, Option } from 'commander';
import { kmsFeatureColumns, kmsFeatures, kmsTypeNames, kmsTypes } from '../../lib/schema/kms';

export function addKmsCommand(program: Command): void {
  program
    .command('kms')
    .description('about the types of KMS')
    .command('list')
    .description('list the types of KMS and what each can do')
    .addOption(new Option('--output <format>', 'how to print').choices(['text', 'json']).default('text'))
    .action(({ output }: { readonly output: 'text' | 'json' }) => {
      process.stdout.write(output === 'json' ? `${JSON.stringify(asJson(), null, 2)}\n` : asText());
    });
}

function asJson() {
  return kmsTypeNames.map((type) => ({
    type,
    supported: Object.hasOwn(kmsTypes, type),
    ...kmsFeatures[type],
  }));
}

function asText(): string {
  const rows = [
    kmsFeatureColumns.map(([title]) => title.toUpperCase()),
    ...kmsTypeNames.map((type) => kmsFeatureColumns.map(([, read]) => read(type))),
  ];
  const widths = kmsFeatureColumns.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const notes = kmsTypeNames.map((type) => `${type}: ${kmsFeatures[type].note}`);
  return `${lines.join('\n')}\n\n${notes.join('\n')}\n`;
}
