/**
 * Mapping by the kernel without the `rbd` command: the line that the command would write into /sys. Whatever is out of the
 * ordinary is left to the command, which also knows what each failure means.
 * Sources: Linux Documentation/ABI/testing/sysfs-bus-rbd; rbd(8), section "Kernel rbd (krbd) options".
 */
import { constants as os } from 'node:os';
import { CodedError } from '../../errors';
import type { KernelCalls, KernelKey } from '../../process/kernel-thread';
import { type ImageSpec, specText } from './image-spec';
import type { ClusterAccess } from './rados/handle';

export interface DirectMap {
  readonly access: ClusterAccess;
  readonly spec: ImageSpec;
  readonly options: readonly string[];
}

const control = '/sys/bus/rbd/add_single_major';
/** Whose meaning is the kernel's own; the command rewrites some others. */
const plainOptions =
  /^(?:noshare|share|ro|rw|(?:no)?crc|(?:no)?tcp_nodelay|(?:no)?cephx_sign_messages|abort_on_full|lock_on_read|exclusive|notrim|noudev|(?:mount_timeout|osdkeepalive|osd_idle_ttl|osd_request_timeout|lock_timeout|queue_depth|alloc_size)=\d+)$/;
/** IPv4 or [IPv6], and a port: the kernel resolves no names here, and the port of the newer protocol needs an option of its own. */
const plainMonitor = /^(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:]+\]):(?!3300$)\d{1,5}$/;
/** A number for each, so that two users of one name do not meet. */
let keys = 0;
const word = /^[^\s,]+$/;

/**
 * False: nothing was mapped, and the command is to be asked. The caller finds the device by its image, and has seen a monitor
 * answer: this ends when the kernel does, whose `mount_timeout` is for new clients only.
 * @throws CodedError CEPH_UNREACHABLE, TOOL_FAILED.
 */
export async function mapDirectly(kernel: KernelCalls, request: DirectMap): Promise<boolean> {
  if (!isPlain(request)) return false;
  keys += 1;
  const key: KernelKey = { type: 'ceph', name: `keyward-${process.pid}-${keys}`, secret: request.access.userKey };
  const result = await kernel.write(control, lineOf(request, key.name), key);
  if (result === os.errno.ETIMEDOUT) {
    throw new CodedError('CEPH_UNREACHABLE', `image ${specText(request.spec)} was not mapped in time`, {
      remedy: 'Look at `ceph status`, and at the network between this node and the monitors and OSDs.',
    });
  }
  return result === 0;
}

function isPlain({ access: { monitors, userId }, spec, options }: DirectMap): boolean {
  const names = [userId, spec.pool, spec.image, ...(spec.namespace === '' ? [] : [spec.namespace])];
  return (
    monitors.length > 0 &&
    monitors.every((each) => plainMonitor.test(each)) &&
    options.every((each) => plainOptions.test(each)) &&
    names.every((each) => word.test(each))
  );
}

function lineOf({ access: { monitors, userId }, spec, options }: DirectMap, key: string): string {
  const all = [
    `name=${userId}`,
    `key=${key}`,
    ...options.filter((each) => each !== 'noudev'),
    ...(spec.namespace === '' ? [] : [`_pool_ns=${spec.namespace}`]),
  ];
  return `${monitors.join(',')} ${all.join(',')} ${spec.pool} ${spec.image} -`;
}
