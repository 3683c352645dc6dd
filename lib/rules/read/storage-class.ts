// StorageClasses of the drivers that keyward knows.
import { defaultDriverName } from '../../schema/names';
import type { DriverConfig } from './driver-config';
import type { KubernetesObject } from './kubernetes-object';
import type { ObjectSet } from './object-set';
import { at, type Fields, fieldsOf, goBooleanOf, textOf } from './values';

/** Which driver serves a class. */
export type ClassDriver = 'ceph-csi-rbd' | 'ceph-csi-cephfs' | 'keyward' | 'other';

/** A StorageClass as the rules see it. */
export interface ClassView {
  readonly object: KubernetesObject;
  readonly provisioner: string;
  readonly driver: ClassDriver;
  /** Whether the volumes are RBD images: with keyward's driver it depends on the back end. */
  readonly isRbd: boolean;
  readonly parameters: Fields;
  /** Whether encryption is asked for in a way that the driver understands. */
  readonly isEncrypted: boolean;
  /** Whether any parameter of encryption is there. */
  readonly mentionsEncryption: boolean;
  /** The KMS id that counts: `default` where ceph-csi falls back to it. */
  readonly kmsId: string | undefined;
  readonly allowsExpansion: boolean;
}

/** The classes of a set. */
export function classesOf(objects: ObjectSet, configs: readonly DriverConfig[]): readonly ClassView[] {
  const own = new Set([defaultDriverName, ...configs.map(({ config }) => config.driverName)]);
  return objects.of('StorageClass').map((object) => {
    const provisioner = textOf(at(object.fields, 'provisioner')) ?? '';
    const parameters = fieldsOf(at(object.fields, 'parameters'));
    const driver = driverOf(provisioner, own);
    const backends = configs
      .filter(({ config }) => config.driverName === provisioner)
      .map(({ config }) => config.backend);
    const isKeywardRbd =
      backends.length > 0 ? backends.some(({ type }) => type === 'rbd') : at(parameters, 'clusterID') !== undefined;
    const isEncrypted = goBooleanOf(at(parameters, 'encrypted')) === true;
    const kmsId = textOf(at(parameters, 'encryptionKMSID'));
    return {
      object,
      provisioner,
      driver,
      isRbd: driver === 'ceph-csi-rbd' || (driver === 'keyward' && isKeywardRbd),
      parameters,
      isEncrypted,
      mentionsEncryption: Object.keys(parameters).some((key) => /^(encrypt|integritymode)/i.test(key)),
      kmsId: isEncrypted && driver !== 'keyward' ? kmsId || 'default' : kmsId,
      allowsExpansion: at(object.fields, 'allowVolumeExpansion') === true,
    };
  });
}

/** Whether ceph-csi serves the class. */
export function isCephCsi({ driver }: ClassView): boolean {
  return driver === 'ceph-csi-rbd' || driver === 'ceph-csi-cephfs';
}

function driverOf(provisioner: string, own: ReadonlySet<string>): ClassDriver {
  if (own.has(provisioner)) return 'keyward';
  // Rook puts its namespace in front.
  if (/(^|\.)rbd\.csi\.ceph\.com$/.test(provisioner)) return 'ceph-csi-rbd';
  return /(^|\.)cephfs\.csi\.ceph\.com$/.test(provisioner) ? 'ceph-csi-cephfs' : 'other';
}
