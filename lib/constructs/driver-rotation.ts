// What of a driver has to do with keys that are rotated and proven without CSI-Addons: by its own schedule, or by hand.
import { mountPaths } from '../schema/names';
import { settleSchedule } from '../schema/rotation-schedule';
import type { SecretRef } from '../schema/secret-ref';
import { refuseOutside } from './csi-addons/rotation-job-spec';
import type { LoopBackend, RbdBackend } from './driver-backend';
import type { DriverPaths } from './driver-paths';
import { propError } from './prop-error';

/** Rotation by the driver itself, on the schedules that classes, namespaces and claims have. */
export interface BuiltInRotation {
  /**
   * Whose schedule wins, as `schedulePrecedence` of CSI-Addons has it: the claim's, then the namespace's, then the class's;
   * or the class's alone.
   * @default pvc
   */
  readonly precedence?: 'pvc' | 'storageclass';
  /**
   * Rotations that a pod begins in a minute.
   * @default 10
   */
  readonly perMinute?: number;
  /**
   * Rotations of a pod at once.
   * @default 2
   */
  readonly parallel?: number;
  /**
   * Seconds over which the claims of one schedule are spread; 0: none.
   * @default 7200
   */
  readonly staggerSeconds?: number;
  /**
   * When each key is proven to open its volume, in UTC; `off`: never.
   * @default - weekly
   */
  readonly verify?: string;
}

/** Props of a driver for keys. */
export interface DriverRotationOptions {
  /**
   * Whether the driver rotates keys itself, on the schedules of classes, namespaces and claims (`keyRotation`,
   * `keyRotationAnnotations`). A claim for which CSI-Addons has a cron job is left to CSI-Addons.
   * @default - it does not; `{}` turns it on
   */
  readonly rotation?: BuiltInRotation;
  /**
   * Whether `keyward rotate` and `keyward verify` can be run in the driver's pods on the nodes. With volumes of Ceph `backend.pools`
   * says where they are looked up.
   * @default false
   */
  readonly admin?: boolean;
  /**
   * Secret of the driver's namespace that takes the place of the Secrets of the classes, for `rotation` and `admin`: with
   * the Ceph user (`userID`, `userKey`), with `encryptionPassphrase` for KMSs that read it from the request.
   * @default - none: volumes of classes that need Secrets are not rotated without CSI-Addons
   */
  readonly adminSecret?: SecretRef;
}

/** Throws for what the driver would refuse at its start, and for a Secret that no pod of it could mount. */
export function refuseRotation(
  options: DriverRotationOptions & { readonly backend: LoopBackend | RbdBackend },
  namespace: string,
  subject: string,
): void {
  const { rotation, admin = false, adminSecret, backend } = options;
  refuseOutside(rotation?.perMinute, [1, 99_999], `${subject}.rotation.perMinute`);
  refuseOutside(rotation?.parallel, [1, 64], `${subject}.rotation.parallel`);
  refuseOutside(rotation?.staggerSeconds, [0, 604_800], `${subject}.rotation.staggerSeconds`);
  if (rotation?.verify !== undefined && rotation.verify !== 'off')
    settleSchedule(rotation.verify, `${subject}.rotation.verify`);
  if (admin && backend.type === 'rbd' && (backend.pools ?? []).length === 0) {
    throw propError({
      prop: `${subject}.backend.pools`,
      got: 'no pool, with admin',
      allowed: 'the pools in whose lists keyward rotate and keyward verify find volumes',
      remedy: 'Name the pools, and in backend.credentials the user of Ceph, or leave out admin',
      rule: 'R2',
    });
  }
  if (adminSecret === undefined) return;
  if (adminSecret.namespace !== undefined && adminSecret.namespace !== namespace) {
    throw propError({
      prop: `${subject}.adminSecret`,
      got: `a Secret in ${adminSecret.namespace}`,
      allowed: `a Secret in ${namespace}`,
      remedy: 'A pod mounts Secrets of its own namespace only: put the user and the passphrase into a Secret there',
      rule: 'R3',
    });
  }
  if (rotation !== undefined || admin) return;
  throw propError({
    prop: `${subject}.adminSecret`,
    got: 'a Secret that nothing uses',
    allowed: 'a Secret with rotation or admin',
    remedy: 'Turn on rotation or admin, or leave the Secret out',
  });
}

/** Arguments of `keyward csi`, in a pod that opens volumes. */
export function rotationArguments(
  { rotation, admin = false, adminSecret }: DriverRotationOptions,
  { adminSocket }: DriverPaths,
  namespace: string,
): string[] {
  const option = (flag: string, value: string | number | undefined) =>
    value === undefined ? [] : [`${flag}=${value}`];
  return [
    ...(admin ? [`--admin-endpoint=unix://${adminSocket}`] : []),
    ...(adminSecret ? [`--admin-secret=${namespace}/${adminSecret.name}`] : []),
    ...(rotation === undefined
      ? []
      : [
          '--rotation',
          `--ca=${mountPaths.apiAccess}/ca.crt`,
          `--token-file=${mountPaths.apiAccess}/token`,
          ...option('--rotation-precedence', rotation.precedence),
          ...option('--rotation-rate', rotation.perMinute && `${rotation.perMinute}/min`),
          ...option('--rotation-parallel', rotation.parallel),
          ...option('--rotation-stagger', rotation.staggerSeconds),
          ...option('--verify-schedule', rotation.verify),
        ]),
  ];
}
