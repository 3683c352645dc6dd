// The KMS configuration: the file `config.json` (one object, KMS id → section) and the ConfigMap form
// (one data key per KMS id, each value the JSON text of a section). Both take both selector keys.
import { collectIssues, decodeWith, formatJson, parseJson } from '../decode';
import { kmsId as kmsIdSchema } from '../names';
import { SchemaError } from '../schema-error';
import { kindOf } from '../zod-issues';
import type { KmsSecretSource, KmsSection, KmsTypeDefinition, KmsTypeName } from './definition';
import { selectKmsType } from './selector';
import { type KmsProps, type KmsSettings, type KmsType, kmsTypes } from './types';

/** Reads the text of `config.json`. */
export function decodeKmsConfig(text: string): ReadonlyMap<string, KmsSettings> {
  const subject = 'the KMS configuration';
  return decodeSections(Object.entries(objectOf(parseJson(text, subject), subject)), subject);
}

/** Reads the `data` of the ConfigMap `csi-kms-connection-details`. */
export function decodeKmsConfigMapData(data: Readonly<Record<string, string>>): ReadonlyMap<string, KmsSettings> {
  const subject = 'the ConfigMap of KMS connection details';
  const sections = collectIssues(Object.entries(data), (id, text) => parseJson(text, `KMS ${id}`), subject);
  return decodeSections(sections, subject);
}

/** Reads one section, selected by `encryptionKMSType` or `KMS_PROVIDER`. */
export function decodeKmsSection(kmsId: string, section: unknown): KmsSettings {
  const subject = `KMS ${kmsId}`;
  const object = objectOf(section, subject);
  return definitionOf(selectKmsType(object, subject), subject).section.decode(object, subject);
}

/** Writes the text of `config.json`. The same settings give the same bytes. */
export function encodeKmsConfig(kms: ReadonlyMap<string, KmsSettings>): string {
  return formatJson(Object.fromEntries(encodedSections(kms)));
}

/** Writes the `data` of the ConfigMap `csi-kms-connection-details`. */
export function encodeKmsConfigMapData(kms: ReadonlyMap<string, KmsSettings>): Readonly<Record<string, string>> {
  return Object.fromEntries(encodedSections(kms).map(([id, section]) => [id, formatJson(section)]));
}

/** Fills the defaults of a declared KMS and checks it. */
export function settleKms<P extends KmsProps>(kmsId: string, props: P): Extract<KmsSettings, { type: P['type'] }> {
  const settings = definitionOf(props.type, `KMS ${kmsId}`).settle(props, `KMS ${kmsId}`);
  return settings as Extract<KmsSettings, { type: P['type'] }>;
}

/** Where a KMS with these settings takes its secrets from. */
export function kmsSecretSources(settings: KmsSettings): readonly KmsSecretSource[] {
  return definitionOf(settings.type, 'a KMS').secrets(settings);
}

/** What counts for one tenant, given the data of its ConfigMap. Throws a SchemaError when the tenant's values cannot be. */
export function kmsSettingsFor<S extends KmsSettings>(
  settings: S,
  tenant: string,
  config: Readonly<Record<string, string>> | undefined,
): S {
  const { forTenant } = definitionOf(settings.type, 'a KMS');
  return (forTenant?.(settings, tenant, config) ?? settings) as S;
}

type AnyDefinition = KmsTypeDefinition<KmsSettings, KmsProps>;

/** The definition of a type, or why there is none. The cast is the one place where the union loses its tag. */
function definitionOf(type: KmsTypeName, subject: string): AnyDefinition {
  if (Object.hasOwn(kmsTypes, type)) return kmsTypes[type as KmsType] as unknown as AnyDefinition;
  const allowed = Object.keys(kmsTypes);
  const remedy =
    type === 'default'
      ? 'give each volume its own key: "default" shares one passphrase among all volumes, which key rotation would destroy'
      : `this version of keyward has no "${type}"; use a supported type`;
  throw new SchemaError(subject, [
    { path: 'encryptionKMSType', message: `"${type}" is known, but not supported`, allowed, remedy },
  ]);
}

function encodedSections(kms: ReadonlyMap<string, KmsSettings>): [string, KmsSection][] {
  const ids = [...kms].sort(([left], [right]) => (left < right ? -1 : 1));
  return ids.map(([id, settings]) => {
    decodeWith(kmsIdSchema, id, `KMS id ${JSON.stringify(id)}`);
    return [id, definitionOf(settings.type, `KMS ${id}`).section.encode(settings)];
  });
}

function decodeSections(
  sections: Iterable<readonly [string, unknown]>,
  subject: string,
): ReadonlyMap<string, KmsSettings> {
  return collectIssues(sections, decodeKmsSection, subject);
}

function objectOf(value: unknown, subject: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new SchemaError(subject, [
    { path: '', message: 'must be an object', got: kindOf(value), remedy: 'write { … }' },
  ]);
}
