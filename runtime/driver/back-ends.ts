/** The back end that the configuration chooses. */
import type { RuntimeConfig } from '../../lib/schema/runtime-config';
import type { BackEnds } from '../device/back-ends';
import { openLoopBackEnd } from '../device/loop/loop-back-end';
import { loopBackEnds } from '../device/loop/loop-back-ends';
import { RbdBackEnds } from '../device/rbd/rbd-back-ends';
import type { Log } from '../log';
import type { KernelCalls } from '../process/kernel-thread';
import type { Run } from '../process/run';
import type { SecretReader } from '../secret-reader';

export interface BackEndParts {
  readonly nodeId: string;
  readonly run: Run;
  readonly kernel: KernelCalls;
  /** For credentials that the configuration names. */
  readonly secrets: SecretReader;
  readonly log: Log;
}

/** @throws CodedError CONFIG_UNREADABLE, CONFIG_INVALID. */
export async function openBackEnds(config: RuntimeConfig['backend'], parts: BackEndParts): Promise<BackEnds> {
  if (config.type === 'loop') {
    return loopBackEnds(await openLoopBackEnd({ ...config, nodeId: parts.nodeId }, { run: parts.run }));
  }
  return new RbdBackEnds(config, parts);
}
