/**
 * Where the paths of a container are on this machine. A real container sees its volumes through mounts; a plain process
 * does not, so every path that it is told is rewritten instead: the documents stay the only configuration.
 */
import { posix } from 'node:path';

export interface MappedMount {
  /** In the container. */
  readonly mountPath: string;
  /** On this machine. */
  readonly localPath: string;
  /** Whether a mount that the container makes below is seen outside of it. */
  readonly isBidirectional: boolean;
}

export class PathMap {
  readonly #mounts: readonly MappedMount[];

  constructor(mounts: readonly MappedMount[]) {
    // The longest mount path that contains a path is the one that is seen there.
    this.#mounts = [...mounts].sort((left, right) => right.mountPath.length - left.mountPath.length);
  }

  /** @throws Error when no volume of the container is mounted there. */
  toLocal(path: string): string {
    const local = this.#local(path);
    if (local !== undefined) return local;
    throw new Error(`the container sees no ${path}: no volume is mounted there`);
  }

  /** As toLocal, for a path where the driver mounts something. @throws Error also when the node would not see that mount. */
  toLocalMountPoint(path: string): string {
    if (this.#mountOf(path)?.isBidirectional === false) {
      throw new Error(
        `a mount at ${path} would stay inside the container: its volume lacks mountPropagation Bidirectional`,
      );
    }
    return this.toLocal(path);
  }

  /** Rewrites an argument, an environment value or a value of a configuration file, when it is a path that is mapped. */
  rewrite(text: string): string {
    const match = /^(?<before>(?:--?[\w-]+=)?(?:unix:\/\/)?)(?<path>\/.*)$/s.exec(text);
    const { before = '', path = '' } = match?.groups ?? {};
    const local = match ? this.#local(path) : undefined;
    return local === undefined ? text : `${before}${local}`;
  }

  /** Rewrites every path in a JSON document; text that is not JSON stays as it is. */
  rewriteDocument(text: string): string {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      // Certificates and the like.
      return text;
    }
    return `${JSON.stringify(this.#rewriteValue(value), undefined, 2)}\n`;
  }

  #rewriteValue(value: unknown): unknown {
    if (typeof value === 'string') return this.rewrite(value);
    if (Array.isArray(value)) return value.map((each) => this.#rewriteValue(each));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, this.#rewriteValue(each)]));
  }

  #local(path: string): string | undefined {
    const mount = this.#mountOf(path);
    return mount && posix.join(mount.localPath, posix.relative(mount.mountPath, posix.normalize(path)));
  }

  #mountOf(path: string): MappedMount | undefined {
    const plain = posix.normalize(path);
    return this.#mounts.find(({ mountPath }) => plain === mountPath || plain.startsWith(`${mountPath}/`));
  }
}
