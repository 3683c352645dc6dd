/** Questions to the monitors, as the `ceph` command asks them, and what we read of the answers. */
import { CodedError } from '../../../errors';
import { radosError } from './errno';
import type { Out, Pointer, RadosLibrary } from './functions';
import type { Pool } from './pool-map';

/** @throws CodedError CEPH_UNREACHABLE, CEPH_DENIED, CEPH_FAILED. */
export async function askMonitor(
  rados: RadosLibrary,
  cluster: Pointer,
  command: Readonly<Record<string, unknown>>,
  target: 'mon' | 'mgr',
): Promise<Buffer> {
  const answer: Out<Pointer> = [null];
  const text: Out<Pointer> = [null];
  const answerBytes: Out<number> = [null];
  const ask = target === 'mon' ? rados.rados_mon_command : rados.rados_mgr_command;
  const result = await ask(cluster, [JSON.stringify(command)], 1, null, 0, answer, answerBytes, text, [null]);
  try {
    // Where no manager answers, librados gives the errno without its sign.
    if (result !== 0) throw radosError(`ask the cluster for '${command.prefix}'`, -Math.abs(result));
    return answer[0] === null ? Buffer.alloc(0) : rados.copy(answer[0], Number(answerBytes[0]));
  } finally {
    for (const [memory] of [answer, text]) if (memory !== null) rados.rados_buffer_free(memory);
  }
}

/** Of the answer to `osd lspools`. @throws CodedError CEPH_FAILED. */
export function poolNumbers(answer: Buffer): readonly Pool[] {
  const pools = parse(answer);
  if (!Array.isArray(pools)) throw unreadable('osd lspools');
  return pools.map(({ poolnum, poolname }) => ({ id: Number(poolnum), name: String(poolname) }));
}

/** Of the answer to `df`; undefined when the pool is not in it. @throws CodedError CEPH_FAILED. */
export function poolUsage(answer: Buffer, poolName: string): { readonly availableBytes: number } | undefined {
  const { pools } = parse(answer) as { pools?: readonly { name?: unknown; stats?: { max_avail?: unknown } }[] };
  if (!Array.isArray(pools)) throw unreadable('df');
  const available = pools.find(({ name }) => name === poolName)?.stats?.max_avail;
  return typeof available === 'number' ? { availableBytes: available } : undefined;
}

function parse(answer: Buffer): unknown {
  try {
    return JSON.parse(answer.toString('utf8')) ?? {};
  } catch (cause) {
    throw unreadable('a question in JSON', cause);
  }
}

function unreadable(question: string, cause?: unknown): CodedError {
  return new CodedError('CEPH_FAILED', `the cluster gave an unreadable answer to ${question}`, {
    remedy: 'See the version of the cluster; the call can be repeated.',
    cause,
  });
}
