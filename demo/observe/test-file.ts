/** The file that the demo writes: one random sentence, repeated, so that it can be recognised anywhere. */
import { createHash, randomBytes } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';

const sizeBytes = 2 * 1024 * 1024;

export interface TestFile {
  readonly name: string;
  /** Occurs many times in the file and, being random, nowhere else. */
  readonly marker: Buffer;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** Writes the file and waits until it is on the device. */
export async function writeTestFile(path: string, name: string): Promise<TestFile> {
  const marker = Buffer.from(`keyward demo: nobody may read this ${randomBytes(14).toString('hex')}\n`);
  const content = Buffer.alloc(sizeBytes, marker);
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  return { name, marker, sizeBytes, sha256: sha256(content) };
}

/** Whether the file at `path` is byte for byte what was written. */
export async function isIntact(path: string, written: TestFile): Promise<boolean> {
  return sha256(await readFile(path)) === written.sha256;
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
