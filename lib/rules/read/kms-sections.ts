// KMS sections, in both forms of the ConfigMap, decoded by lib/schema.
import { decodeKmsSection, type KmsSettings } from '../../schema/kms';
import { cephCsiConfigMapNames, configFileName } from '../../schema/names';
import { SchemaError, type SchemaIssue } from '../../schema/schema-error';
import type { KubernetesObject } from './kubernetes-object';
import type { ObjectSet } from './object-set';
import { at, type Fields, isFields, jsonOf, pathOf, textOf } from './values';

/** One KMS of a ConfigMap. */
export interface KmsSectionView {
  readonly object: KubernetesObject;
  readonly id: string;
  /** Path inside the ConfigMap, for people. */
  readonly path: string;
  /** As it is written. */
  readonly raw: Fields;
  /** The type as written, which may be none that exists. */
  readonly type: string | undefined;
  /** What the driver would read; absent when it would refuse. */
  readonly settings?: KmsSettings;
  readonly issues: readonly SchemaIssue[];
}

/** A ConfigMap of KMS sections. */
export interface KmsConfigMap {
  readonly object: KubernetesObject;
  readonly format: 'file' | 'connection-details';
  readonly sections: readonly KmsSectionView[];
  /** Data keys that hold no JSON object. */
  readonly unreadable: readonly string[];
}

/** Names under which the drivers look for a ConfigMap of sections. */
const fileNames: readonly string[] = [cephCsiConfigMapNames.file, 'rook-ceph-csi-kms-config'];

/** The ConfigMaps of a set that hold KMS sections. */
export function kmsConfigMapsOf(objects: ObjectSet): readonly KmsConfigMap[] {
  return objects.of('ConfigMap').flatMap((object) => kmsConfigMapOf(object) ?? []);
}

function kmsConfigMapOf(object: KubernetesObject): KmsConfigMap | undefined {
  const data = at(object.fields, 'data');
  if (!isFields(data)) return undefined;
  if (object.name === cephCsiConfigMapNames.connectionDetails) return connectionDetails(object, data);
  const text = textOf(at(data, configFileName));
  if (text !== undefined) return fileOf(object, text);
  const texts = Object.values(data).filter((value) => textOf(value)?.includes('KMS_PROVIDER') === true);
  const isDetails = texts.length > 0 && texts.every((value) => isSection(jsonOf(String(value))));
  return isDetails ? connectionDetails(object, data) : undefined;
}

function fileOf(object: KubernetesObject, text: string): KmsConfigMap | undefined {
  const isNamed = fileNames.includes(object.name);
  if (!isNamed && !/encryptionKMSType|KMS_PROVIDER/.test(text)) return undefined;
  const parsed = jsonOf(text);
  if (!isFields(parsed)) return { object, format: 'file', sections: [], unreadable: [configFileName] };
  if (!isNamed && !Object.values(parsed).some(isSection)) return undefined;
  const sections = Object.entries(parsed).map(([id, section]) =>
    sectionOf(object, id, pathOf('data', configFileName, id), section),
  );
  return { object, format: 'file', sections, unreadable: [] };
}

function connectionDetails(object: KubernetesObject, data: Fields): KmsConfigMap {
  const parsed = Object.entries(data).map(([id, text]) => [id, jsonOf(String(text))] as const);
  const sections = parsed.flatMap(([id, section]) =>
    isFields(section) ? [sectionOf(object, id, pathOf('data', id), section)] : [],
  );
  const unreadable = parsed.filter(([, section]) => !isFields(section)).map(([id]) => id);
  return { object, format: 'connection-details', sections, unreadable };
}

function isSection(value: unknown): boolean {
  return at(value, 'encryptionKMSType') !== undefined || at(value, 'KMS_PROVIDER') !== undefined;
}

function sectionOf(object: KubernetesObject, id: string, path: string, section: unknown): KmsSectionView {
  const raw = isFields(section) ? section : {};
  const type = textOf(at(raw, 'encryptionKMSType') ?? at(raw, 'KMS_PROVIDER'));
  const view = { object, id, path, raw, type };
  try {
    return { ...view, settings: decodeKmsSection(id, section), issues: [] };
  } catch (error) {
    if (error instanceof SchemaError) return { ...view, issues: error.issues };
    throw error;
  }
}
