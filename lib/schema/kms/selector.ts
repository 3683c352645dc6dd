// Which KMS type a section is for: `encryptionKMSType`, or `KMS_PROVIDER` when that key is missing (ceph-csi's order).
import * as z from 'zod';
import { nearest } from '../nearest';
import { SchemaError } from '../schema-error';
import { kindOf } from '../zod-issues';
import { type KmsTypeName, kmsTypeNames } from './definition';

/** The two selector keys as part of a type's section. */
export function selectorKeys<T extends KmsTypeName>(type: T) {
  return {
    encryptionKMSType: z.literal(type).exactOptional(),
    KMS_PROVIDER: z.literal(type).exactOptional(),
  };
}

/** The type that a section names. Throws a SchemaError when it names none, or one that does not exist. */
export function selectKmsType(section: Readonly<Record<string, unknown>>, subject: string): KmsTypeName {
  const key = Object.hasOwn(section, 'encryptionKMSType') ? 'encryptionKMSType' : 'KMS_PROVIDER';
  if (!Object.hasOwn(section, key)) {
    throw new SchemaError(subject, [
      {
        path: 'encryptionKMSType',
        message: 'is missing, and so is KMS_PROVIDER',
        allowed: kmsTypeNames,
        remedy: 'add "encryptionKMSType" with the type of this KMS',
      },
    ]);
  }
  const name = section[key];
  const type = kmsTypeNames.find((known) => known === name);
  if (type !== undefined) return type;
  const meant = typeof name === 'string' ? nearest(name, kmsTypeNames) : undefined;
  throw new SchemaError(subject, [
    {
      path: key,
      message: 'is not a KMS type',
      got: meant === undefined ? kindOf(name) : JSON.stringify(name),
      allowed: kmsTypeNames,
      remedy: meant === undefined ? 'use one of the allowed types' : `write ${JSON.stringify(meant)}`,
    },
  ]);
}
