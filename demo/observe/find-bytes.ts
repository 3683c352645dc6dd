/** Searches files and devices for bytes: everything is read, once, in pieces. */
import { open } from 'node:fs/promises';

const pieceBytes = 1024 * 1024;

interface Found {
  readonly count: number;
  /** Offset of the first place, undefined when there is none. */
  readonly firstAt: number | undefined;
}

export interface SearchResult {
  readonly readBytes: number;
  /** For each needle. */
  readonly found: readonly Found[];
}

/** Reads everything from `path` and counts where each needle begins. */
export async function findBytes(path: string, needles: readonly Buffer[]): Promise<SearchResult> {
  const file = await open(path, 'r');
  // The end of a piece is kept before the next one: a needle may lie across both.
  const keptBytes = Math.max(0, ...needles.map((needle) => needle.length - 1));
  const buffer = Buffer.alloc(keptBytes + pieceBytes);
  const found = needles.map(() => ({ count: 0, firstAt: undefined as number | undefined }));
  let readBytes = 0;
  try {
    for (let kept = 0; ; ) {
      const { bytesRead } = await file.read(buffer, kept, pieceBytes, readBytes);
      if (bytesRead === 0) return { readBytes, found };
      const filled = buffer.subarray(0, kept + bytesRead);
      needles.forEach((needle, index) => {
        const tally = found[index];
        // What fits into the kept part was counted with the piece before.
        const from = Math.max(0, kept - needle.length + 1);
        for (let at = filled.indexOf(needle, from); tally && at >= 0; at = filled.indexOf(needle, at + 1)) {
          tally.firstAt ??= readBytes - kept + at;
          tally.count += 1;
        }
      });
      readBytes += bytesRead;
      kept = Math.min(keptBytes, filled.length);
      filled.copy(buffer, 0, filled.length - kept);
    }
  } finally {
    await file.close();
  }
}

/** Up to `lengthBytes` from `offset` of a file or device. */
export async function readAt(path: string, offset: number, lengthBytes: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(lengthBytes), 0, lengthBytes, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
