/** What was declared, for the report: the TypeScript that a person wrote, and the StorageClass that came of it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { outputs } from '../outputs';

export interface Declaration {
  readonly typescript: string;
  /** Empty when nothing was synthesised. */
  readonly storageClass: string;
  /** How many documents were synthesised. */
  readonly documents: number;
}

export function storageDeclaration(): Declaration {
  const source = readFileSync(join(outputs.repository, 'stacks/gitops/values.ts'), 'utf8');
  const documents = readDocuments();
  return {
    typescript: source.slice(source.indexOf('export const storage')).trim(),
    storageClass:
      documents.find((text) => /^kind: StorageClass$/m.test(text) && /^ {2}name: encrypted$/m.test(text)) ?? '',
    documents: documents.length,
  };
}

function readDocuments(): string[] {
  if (!existsSync(outputs.manifests)) return [];
  const files = readdirSync(outputs.manifests).sort();
  return files
    .flatMap((name) => readFileSync(join(outputs.manifests, name), 'utf8').split(/^---$/m))
    .map((text) => text.trim())
    .filter((text) => text !== '');
}
