/**
 * A thread of this process for calls into the kernel that may wait as long as the storage is silent: each would otherwise be a
 * process of its own, or hold one of the few threads on which Node.js reads files. One call at a time; who does not get a turn
 * soon, because the present call is stuck or many wait, does the same by a command.
 *
 * A call that has begun cannot be taken back, so it has no timeout here: it ends when the kernel says so.
 */
import { Worker } from 'node:worker_threads';
import { Semaphore } from '../async/semaphore';
import { CodedError, isCoded } from '../errors';
import type { Secret } from '../secret';
import { kernelThreadProgram } from './kernel-thread-program';

export interface KernelKey {
  /** As the line that is written calls it. */
  readonly name: string;
  /** Type of key as in add_key(2). */
  readonly type: 'ceph';
  /** In base64. */
  readonly secret: Secret;
}

export interface KernelMount {
  readonly source: string;
  readonly target: string;
  readonly fsType: string;
  /** As in mount(2). */
  readonly flags: number;
  readonly data: string;
}

/** Each gives 0 or the number of the error; undefined when nothing was tried, and a command is to do it. @throws CodedError TOOL_FAILED. */
export interface KernelCalls {
  /** Writes one line to a file in /sys. The key is in the keyring of this thread alone, for the length of the call. */
  write(path: string, line: string, key?: KernelKey): Promise<number | undefined>;
  mount(mount: KernelMount): Promise<number | undefined>;
}

type Order =
  | { readonly do: 'write'; readonly path: string; readonly line: string; readonly key?: OrderedKey }
  | ({ readonly do: 'mount' } & KernelMount);
interface OrderedKey {
  readonly name: string;
  readonly type: string;
  readonly payload: Uint8Array<ArrayBuffer>;
}

const longestWaitMs = 2_000;
/** The program is small; what is not used is not to be kept. */
const resourceLimits = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 };

export class KernelThread implements KernelCalls {
  readonly #turns = new Semaphore(1);
  #worker: Worker | undefined;

  async write(path: string, line: string, key?: KernelKey): Promise<number | undefined> {
    if (!key) return this.#call({ do: 'write', path, line });
    const { name, type, secret } = key;
    // Memory of its own, which goes over to the thread as a whole and is zeroed there.
    const text = secret.use((bytes) => bytes.toString('latin1'));
    const payload = new Uint8Array(Buffer.byteLength(text, 'base64'));
    const length = Buffer.from(payload.buffer).write(text, 'base64');
    const ordered = { name, type, payload: payload.subarray(0, length) };
    try {
      return await this.#call({ do: 'write', path, line, key: ordered }, [payload.buffer]);
    } finally {
      // Where it did not go over. What did has no bytes here any more.
      if (payload.byteLength > 0) payload.fill(0);
    }
  }

  mount(mount: KernelMount): Promise<number | undefined> {
    return this.#call({ do: 'mount', ...mount });
  }

  async #call(order: Order, transfer: readonly ArrayBuffer[] = []): Promise<number | undefined> {
    try {
      return await this.#turns.run(() => this.#execute(order, transfer), AbortSignal.timeout(longestWaitMs));
    } catch (error) {
      if (isCoded(error, 'ABORTED')) return undefined;
      throw error;
    }
  }

  #execute(order: Order, transfer: readonly ArrayBuffer[]): Promise<number | undefined> {
    this.#worker ??= this.#start();
    const worker = this.#worker;
    if (!worker) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      const onAnswer = (result: number | null) => finish(() => resolve(result ?? undefined));
      const onExit = () => finish(() => reject(ended()));
      const finish = (act: () => void) => {
        worker.unref();
        worker.off('message', onAnswer).off('exit', onExit);
        act();
      };
      worker.ref();
      worker.once('message', onAnswer).once('exit', onExit);
      worker.postMessage(order, transfer);
    });
  }

  /** Undefined where koffi is not installed. */
  #start(): Worker | undefined {
    try {
      const workerData = require.resolve('koffi');
      const worker = new Worker(kernelThreadProgram, { eval: true, workerData, resourceLimits, env: {}, execArgv: [] });
      const forget = () => {
        this.#worker = undefined;
      };
      // It exits after an error, and whoever waits is told then; the next call starts another.
      return worker.on('error', forget).once('exit', forget);
    } catch {
      return undefined;
    }
  }
}

function ended(): CodedError {
  return new CodedError('TOOL_FAILED', 'the thread for calls into the kernel has ended by itself', {
    remedy: 'Repeat the call: it looks at what was done.',
  });
}
