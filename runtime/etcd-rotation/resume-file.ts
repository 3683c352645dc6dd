/** How far a rotation has come, for one that is begun again after a kill. Names only; used where etcd cannot be read. */
import * as z from 'zod';
import { CodedError } from '../errors';
import { readIfPresent, removeDurably, writeDurably } from '../files/durable-file';
import type { Target } from './writers';

const shape = z.strictObject({
  version: z.literal(1),
  resources: z.record(
    z.string(),
    z.strictObject({
      target: z.string(),
      last: z.string(),
      startRevision: z.string().regex(/^\d+$/),
    }),
  ),
});
type Progress = z.output<typeof shape>['resources'];

/** How far one resource has come. */
export interface Done {
  /** Key of the last object that is done; all before it are, too. */
  readonly last: string;
  /** Revision of etcd before the first run began. */
  readonly startRevision: string;
}

export class ResumeFile {
  readonly #path: string;
  #progress: Progress;

  private constructor(path: string, progress: Progress) {
    this.#path = path;
    this.#progress = progress;
  }

  /** @throws CodedError CONFIG_INVALID when the file is not one of these; it is never overwritten then. */
  static async open(path: string): Promise<ResumeFile> {
    const text = await readIfPresent(path).catch((cause: unknown) => {
      throw new CodedError('CONFIG_UNREADABLE', `${path} cannot be read`, { remedy: 'Check its rights.', cause });
    });
    if (text === undefined) return new ResumeFile(path, {});
    const parsed = shape.safeParse(json(text));
    if (parsed.success) return new ResumeFile(path, parsed.data.resources);
    throw new CodedError('CONFIG_INVALID', `${path} is no state of a rotation`, {
      remedy: 'Give another file with --state, or remove this one.',
    });
  }

  /** Undefined when nothing is done, or it was another target. */
  doneBefore(resource: string, target: Target): Done | undefined {
    const found = this.#progress[resource];
    return found?.target === textOf(target) ? found : undefined;
  }

  async done(resource: string, target: Target, { last, startRevision }: Done): Promise<void> {
    this.#progress = { ...this.#progress, [resource]: { target: textOf(target), last, startRevision } };
    await writeDurably(this.#path, `${JSON.stringify({ version: 1, resources: this.#progress })}\n`);
  }

  /** The rotation has come to its end. */
  remove(): Promise<void> {
    return removeDurably(this.#path);
  }
}

function textOf({ provider, keyIdHash }: Target): string {
  return `${provider} ${keyIdHash ?? ''}`;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
