// The way of a provider into and out of an EncryptionConfiguration, in steps between which every API server can read what any
// other has written. What a step would leave unreadable must be named in a recorded migration (trap 14).
import {
  type EncryptionConfiguration,
  type EncryptionProvider,
  encodeEncryptionConfiguration,
  type KmsProviderEntry,
} from './encryption-configuration';
import { covers } from './encryption-resources';
import { SchemaError } from './schema-error';

/** That all objects were written again, and so no longer need these providers. */
export interface EncryptionMigration {
  /** The day on which the last object had been written again, e.g. `2026-11-23`. */
  readonly completedOn: string;
  /** The providers that nothing needs any more: `identity`, the name of a KMS provider, or the type of local keys. */
  readonly from: readonly string[];
}

/** Where the roll-out is. */
export type EncryptionStep =
  /** All servers learn to read with the provider; what wrote before still writes. */
  | { readonly phase: 'introduce' }
  /** The provider writes; what wrote before still reads. */
  | { readonly phase: 'encrypt' }
  /** What the migration names is gone. */
  | { readonly phase: 'enforce'; readonly migration: EncryptionMigration };

/** What to encrypt, with what, and what was before. */
export interface EncryptionPlan {
  readonly kms: KmsProviderEntry;
  /** Earlier providers, the one that wrote first. */
  readonly previous: readonly EncryptionProvider[];
  readonly resources: readonly string[];
  readonly step: EncryptionStep;
}

/** The document of a step. @throws SchemaError for a migration that names nothing, or what is not there. */
export function encryptionConfigurationOf(plan: EncryptionPlan): EncryptionConfiguration {
  const { resources } = plan;
  if (plan.previous.length === 0) throw nothingBefore();
  return encodeEncryptionConfiguration([{ resources, providers: providersOf(plan) }]);
}

/** Names a provider in a migration. */
function providerId(provider: EncryptionProvider): string {
  return 'kms' in provider ? provider.kms.name : (Object.keys(provider)[0] ?? '');
}

/**
 * The providers of a document in force that another one would no longer read with: data written by them would be lost.
 * What is stored begins with type, version and name of its provider, so these are compared, for each resource.
 */
export function droppedProviders(before: EncryptionConfiguration, after: EncryptionConfiguration): readonly string[] {
  const kept = readable(after);
  const dropped = readable(before).filter(
    ({ resource, prefix }) => !kept.some((each) => each.prefix === prefix && covers(each.resource, resource)),
  );
  return [...new Set(dropped.map(({ id }) => id))];
}

type Entry = EncryptionConfiguration['resources'][number]['providers'][number];

function readable({ resources }: EncryptionConfiguration) {
  return resources.flatMap((each) =>
    each.resources.flatMap((resource) =>
      each.providers.flatMap((entry) => prefixesOf(entry).map((prefix) => ({ resource, prefix, id: idOf(entry) }))),
    ),
  );
}

function prefixesOf(entry: Entry): readonly string[] {
  const { kms } = entry;
  if (kms) return [`kms:${kms.apiVersion}:${kms.name}`];
  const keys = (entry.secretbox ?? entry.aescbc ?? entry.aesgcm)?.keys;
  return keys ? keys.map(({ name }) => `${idOf(entry)}:${name}`) : [idOf(entry)];
}

function idOf({ kms, ...others }: Entry): string {
  return kms?.name ?? Object.keys(others)[0] ?? '';
}

function providersOf({ kms, previous, step }: EncryptionPlan): readonly EncryptionProvider[] {
  const [writer, ...readers] = previous;
  switch (step.phase) {
    case 'introduce':
      return [...(writer ? [writer] : []), { kms }, ...identityLast(readers)];
    case 'encrypt':
      return [{ kms }, ...identityLast(previous)];
    case 'enforce':
      refuseVagueMigration(step.migration, previous);
      return [{ kms }, ...identityLast(previous.filter((each) => !step.migration.from.includes(providerId(each))))];
  }
}

/** Identity reads whatever nothing else claims, so it is asked last. */
function identityLast(providers: readonly EncryptionProvider[]): readonly EncryptionProvider[] {
  const isIdentity = (each: EncryptionProvider) => 'identity' in each;
  return [...providers.filter((each) => !isIdentity(each)), ...providers.filter(isIdentity)];
}

function refuseVagueMigration({ completedOn, from }: EncryptionMigration, previous: EncryptionPlan['previous']): void {
  const known = previous.map(providerId);
  const unknown = from.filter((id) => !known.includes(id));
  const issues = [
    ...(/^\d{4}-\d{2}-\d{2}$/.test(completedOn) && !Number.isNaN(Date.parse(completedOn))
      ? []
      : [{ path: 'migration.completedOn', message: 'is not a day', remedy: 'write it like 2026-11-23 (trap 14)' }]),
    ...(from.length === 0
      ? [
          {
            path: 'migration.from',
            message: 'is empty',
            allowed: known,
            remedy: 'name what is needed no more (trap 14)',
          },
        ]
      : []),
    ...unknown.map((id) => ({
      path: 'migration.from',
      message: 'names a provider that was not there',
      got: JSON.stringify(id),
      allowed: known,
      remedy: 'name earlier providers only (trap 14)',
    })),
  ];
  if (issues.length > 0) throw new SchemaError('the step of the encryption', issues);
}

function nothingBefore(): SchemaError {
  return new SchemaError('the step of the encryption', [
    {
      path: 'previous',
      message: 'is empty',
      remedy:
        'say what encrypted before; [{ identity: {} }] if nothing did, since what is stored is plain text then (trap 14)',
    },
  ]);
}
