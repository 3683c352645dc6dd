/** Puts the accessors of auth methods into the text of policies. One that is not there yet is left as its placeholder. */
import { accessorPaths, resolveAccessors } from '../../../lib/vault/accessor';
import type { VaultApi } from './api';
import type { Desired } from './desired';

export class Accessors {
  readonly #api: VaultApi;
  readonly #known = new Map<string, Promise<string | undefined>>();

  constructor(api: VaultApi) {
    this.#api = api;
  }

  /** The same object, with the accessors that are known. @throws VaultError. */
  async resolve(desired: Desired): Promise<Desired> {
    const [section] = desired.sections;
    const text = section.given.policy;
    if (desired.id.kind !== 'policy' || typeof text !== 'string') return desired;
    const paths = accessorPaths(text);
    if (paths.length === 0) return desired;
    const found = new Map<string, string>();
    for (const path of paths) {
      const accessor = await this.#lookUp(desired.id.namespace, path);
      if (accessor !== undefined) found.set(path, accessor);
    }
    const policy = resolveAccessors(text, (path) => found.get(path) ?? `{{accessor:auth/${path}}}`);
    return { ...desired, sections: [{ ...section, given: { policy } }] };
  }

  #lookUp(namespace: string, path: string): Promise<string | undefined> {
    const key = `${namespace}|${path}`;
    const known = this.#known.get(key) ?? this.#read(namespace, path);
    this.#known.set(key, known);
    return known;
  }

  async #read(namespace: string, path: string): Promise<string | undefined> {
    const method = await this.#api.read(namespace, `sys/auth/${path}`);
    return typeof method?.accessor === 'string' ? method.accessor : undefined;
  }
}
