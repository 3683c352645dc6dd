// StorageClass parameters of ceph-csi's RBD driver for an encrypted class, in its spelling (ceph-csi v3.17). What the driver
// would silently ignore, or grade as invalid and do all the same, is refused here.
import * as z from 'zod';
import {
  type CephCsiEncryption,
  decodeEncryption,
  encodeEncryption,
  encryption,
  encryptionWire,
} from './ceph-csi-encryption';
import { filled } from './ceph-names';
import { decodeWith, defined, encodeWith } from './decode';
import { type RbdParameters, rbdFaults, rbdSettings, rbdWire } from './rbd-parameters';

/** What a class says of its images and of their encryption. */
export interface CephCsiParameters extends RbdParameters {
  /**
   * Arguments of mkfs, separated by blanks; they replace the driver's own.
   * @default - the driver's own
   */
  readonly mkfsOptions?: string;
  /** How the volumes are encrypted. */
  readonly encryption: CephCsiEncryption;
}

const mkfsOptions = filled('the arguments').exactOptional();

const settings = z
  .strictObject({ ...rbdSettings, mkfsOptions, encryption })
  .check((payload) => rbdFaults(payload as z.core.ParsePayload<CephCsiParameters>));

const wire = z.strictObject({ ...rbdWire, mkfsOptions, ...encryptionWire });

const parameters = z.codec(wire, settings, {
  decode: ({ clusterID, ...rest }) => {
    const { own, others } = decodeEncryption(rest);
    return { clusterId: clusterID, ...others, encryption: own };
  },
  encode: ({ clusterId: clusterID, encryption: own, ...rest }) => ({ clusterID, ...rest, ...encodeEncryption(own) }),
});

/** Reads the parameters of a class, without those of the sidecars (`csi.storage.k8s.io/…`). */
export function decodeCephCsiParameters(given: Readonly<Record<string, string>>): CephCsiParameters {
  return decodeWith(parameters, given, 'the StorageClass parameters') as CephCsiParameters;
}

/** Writes the parameters of a class. Throws a SchemaError for what ceph-csi would refuse, ignore or do wrongly. */
export function encodeCephCsiParameters(value: CephCsiParameters, subject: string): Readonly<Record<string, string>> {
  // Before the codec, so that an error names the prop as the declaration has it.
  const settled = decodeWith(settings, defined(value), subject);
  return encodeWith(parameters, settled, subject) as Readonly<Record<string, string>>;
}
