/** Discards what a mounted file system does not use (fstrim(8)), so that thin storage below it gets the space back. */
import type { Run } from '../process/run';

/** A controller gives up after three minutes and asks again; the work goes on, and what is done is done. */
const trimTimeoutMs = 30 * 60 * 1000;

/** May be repeated and stopped at any time. @throws CodedError TOOL_FAILED, TOOL_TIMEOUT, ABORTED. */
export async function trimFilesystem(run: Run, mountPoint: string, signal?: AbortSignal): Promise<void> {
  await run('fstrim', ['--', mountPoint], { timeoutMs: trimTimeoutMs, ...(signal && { signal }) });
}
