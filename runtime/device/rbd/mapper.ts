/** Maps an image to a device of this node: by the kernel or by rbd-nbd, as the class says. */
import { CodedError, isCoded } from '../../errors';
import { ToolError } from '../../process/run';
import { type ImageSpec, specText } from './image-spec';
import { parseMapOptions } from './map-options';
import { optionArguments } from './nbd';
import type { RbdCli } from './rbd-cli';
import { exit, messageOf, rbdError } from './rbd-errors';
import type { Mounter, RbdMappingOptions } from './rbd-options';

export interface MapRequest {
  readonly spec: ImageSpec;
  readonly volumeId: string;
  /** With a client of its own: the one that other mappings share was shut out by the cluster. */
  readonly apart: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Gives the path of the device; undefined when it is mapped, and to be found by its image.
 * @throws CodedError IMAGE_UNMAPPABLE, VOLUME_NOT_FOUND, REQUEST_INVALID, CEPH_*, POOL_NOT_FOUND, TOOL_*, ABORTED.
 */
export async function mapImage(
  cli: RbdCli,
  options: RbdMappingOptions,
  request: MapRequest,
): Promise<string | undefined> {
  try {
    return await mapBy(options.mounter, cli, options, request);
  } catch (error) {
    if (!options.tryOtherMounters || !isCoded(error, 'IMAGE_UNMAPPABLE')) throw error;
    return mapBy(options.mounter === 'rbd' ? 'rbd-nbd' : 'rbd', cli, options, request);
  }
}

async function mapBy(
  mounter: Mounter,
  cli: RbdCli,
  options: RbdMappingOptions,
  request: MapRequest,
): Promise<string | undefined> {
  const { spec, signal } = request;
  const limits = { timeoutMs: options.mapTimeoutMs, ...(signal && { signal }) };
  try {
    const kernelOptions = krbdOptions(options, request);
    if (mounter === 'rbd' && (await cli.mapDirectly({ spec, options: kernelOptions }))) return undefined;
    const args = mounter === 'rbd' ? krbdArguments(kernelOptions) : nbdArguments(options, request);
    return await cli.map(mounter, [...args, specText(spec)], limits);
  } catch (error) {
    throw mapError(error, spec);
  }
}

function krbdArguments(options: readonly string[]): readonly string[] {
  return ['map', '--device-type', 'krbd', '--options', options.join(',')];
}

/** Without noudev the command waits for udev, which a container has not. */
function krbdOptions({ mapOptions, mapTimeoutMs }: RbdMappingOptions, { apart }: MapRequest): readonly string[] {
  const own = parseMapOptions(mapOptions).krbd;
  const isSet = (name: string) => own.some((each) => each.split('=', 1)[0] === name);
  const seconds = Math.ceil(mapTimeoutMs / 1000);
  return [
    'noudev',
    ...(isSet('mount_timeout') ? [] : [`mount_timeout=${seconds}`]),
    ...(apart && !isSet('noshare') ? ['noshare'] : []),
    ...own,
  ];
}

/** A driver that is updated has 5 minutes to come back; requests wait for the cluster as long as it takes. As ceph-csi does. */
function nbdArguments({ mapOptions }: RbdMappingOptions, { volumeId }: MapRequest): readonly string[] {
  const own = parseMapOptions(mapOptions).nbd;
  const isSet = (name: string) => own.some((each) => each.split('=', 1)[0] === name);
  const usual = ['try-netlink', 'reattach-timeout=300', 'io-timeout=0', `cookie=${volumeId}`];
  return ['map', ...optionArguments([...usual.filter((each) => !isSet(each.split('=', 1)[0] ?? '')), ...own])];
}

const exitENXIO = 6;

function mapError(error: unknown, spec: ImageSpec): unknown {
  const name = specText(spec);
  if (isCoded(error, 'TOOL_TIMEOUT')) {
    return new CodedError('CEPH_UNREACHABLE', `image ${name} was not mapped in time`, {
      remedy: 'Look at `ceph status`, and at the network between this node and the monitors and OSDs.',
      cause: error,
    });
  }
  if (!(error instanceof ToolError)) return error;
  if (error.exitCode === exitENXIO || /feature set mismatch|unsupported features/.test(error.stderr)) {
    return new CodedError('IMAGE_UNMAPPABLE', `this node's kernel does not know all features of image ${name}`, {
      remedy: 'Set mounter to rbd-nbd or tryOtherMounters to "true" in the class, or disable the features.',
      cause: error,
    });
  }
  if (error.exitCode === exit.EINVAL && /map option/.test(error.stderr)) {
    return new CodedError('REQUEST_INVALID', `image ${name} cannot be mapped: ${messageOf(error)}`, {
      remedy: 'Mend mapOptions of the class.',
      cause: error,
    });
  }
  return rbdError(error, `map the image ${name}`);
}
