/**
 * What an owner owns on a server (R20): a list in an ACL policy that holds only comments and grants nothing, because most
 * objects of Vault have no place for a mark, and a policy needs no engine. It is written before anything is made and
 * shortened after something was removed, so at every instant it names all that is ours.
 *
 * Two applies of one owner: OpenBao compares the version of the policy on each write. Vault cannot, there the text is read
 * once more just before; every apply writes a text of its own.
 */
import * as z from 'zod';
import { CodedError, isCoded } from '../../errors';
import type { VaultApi } from './api';
import { addressOf, type ObjectId, objectKinds } from './object-id';

export interface Owned extends ObjectId {
  /** Salted hashes of values that the server never gives back, by names of the API. */
  readonly hashes?: Readonly<Record<string, string>>;
}

const owned = z.strictObject({
  kind: z.enum(objectKinds),
  namespace: z.string(),
  path: z.string().min(1),
  hashes: z.record(z.string(), z.string()).exactOptional(),
});

const prefix = 'keyward-owner-';
const head = '# Written by "keyward vault apply": what is below belongs to';

export class Ledger {
  readonly #api: VaultApi;
  readonly #owner: string;
  #text: string | undefined;
  #version: number | undefined;
  #entries: ReadonlyMap<string, Owned> = new Map();

  private constructor(api: VaultApi, owner: string) {
    this.#api = api;
    this.#owner = owner;
  }

  /** @throws CodedError VAULT_LEDGER_INVALID; VaultError. */
  static async open(api: VaultApi, owner: string): Promise<Ledger> {
    const ledger = new Ledger(api, owner);
    const found = await ledger.#read();
    ledger.#text = found?.text;
    ledger.#version = found?.version;
    ledger.#entries = parse(found?.text ?? '', ledger.path);
    return ledger;
  }

  /** Where the list is, below `/v1/`. */
  get path(): string {
    return ledgerPath(this.#owner);
  }

  get exists(): boolean {
    return this.#text !== undefined;
  }

  /** By address. */
  get entries(): ReadonlyMap<string, Owned> {
    return this.#entries;
  }

  has(id: ObjectId): boolean {
    return this.#entries.has(addressOf(id));
  }

  /**
   * Replaces the list; an empty one is removed.
   * @param run a text that no other apply has
   * @throws CodedError VAULT_BUSY: somebody else has written it since it was read; VaultError.
   */
  async replace(entries: readonly Owned[], run: string): Promise<void> {
    if (this.#version === undefined || entries.length === 0) await this.#compare();
    if (entries.length === 0) {
      await this.#api.remove('', this.path);
      this.#text = undefined;
      this.#version = undefined;
    } else {
      const text = format(entries, this.#owner, run);
      await this.#write(text);
      this.#text = text;
    }
    this.#entries = byAddress(entries);
  }

  async #write(policy: string): Promise<void> {
    const isNew = this.#text === undefined;
    const cas = isNew ? -1 : this.#version;
    try {
      await this.#api.write('', this.path, { policy, ...(cas !== undefined && { cas }) });
    } catch (error) {
      if (isCoded(error, 'KMS_DENIED') && /check-and-set/i.test(error.message)) throw busy(this.#owner, error);
      throw error;
    }
    if (!isNew) {
      if (this.#version !== undefined) this.#version += 1;
      return;
    }
    // Only the server knows whether it counts versions; one that does not let another apply write as well.
    const written = await this.#read();
    if (written?.text !== policy) throw busy(this.#owner);
    this.#version = written.version;
  }

  async #compare(): Promise<void> {
    if ((await this.#read())?.text !== this.#text) throw busy(this.#owner);
  }

  async #read(): Promise<{ readonly text: string; readonly version: number | undefined } | undefined> {
    const found = await this.#api.readStrictly('', this.path);
    if (!found) return undefined;
    const { policy, version } = found;
    return { text: String(policy), version: typeof version === 'number' ? version : undefined };
  }
}

function ledgerPath(owner: string): string {
  return `sys/policies/acl/${prefix}${owner}`;
}

/** Whether a policy is the list of some owner, which no state may declare. */
export function isLedgerPath(path: string): boolean {
  return path.startsWith(ledgerPath(''));
}

function format(entries: readonly Owned[], owner: string, run: string): string {
  const lines = [...byAddress(entries)].sort(([left], [right]) => (left < right ? -1 : 1));
  const rows = lines.map(([, { kind, namespace, path, hashes }]) =>
    JSON.stringify({ kind, namespace, path, ...(hashes && { hashes }) }),
  );
  return [`${head} "${owner}". Do not edit.`, `# run ${run}`, ...rows.map((row) => `# ${row}`), ''].join('\n');
}

function parse(text: string, path: string): ReadonlyMap<string, Owned> {
  const rows = text.split('\n').filter((line) => line.startsWith('# {'));
  if (text !== '' && !text.startsWith(head)) throw invalid(path, 'is not one that keyward wrote');
  return byAddress(
    rows.map((row, index) => {
      const entry = owned.safeParse(json(row.slice(2)));
      if (!entry.success) throw invalid(path, `cannot be read at its entry ${index + 1}`);
      return entry.data;
    }),
  );
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The schema refuses it, with the number of the entry.
    return undefined;
  }
}

function byAddress(entries: readonly Owned[]): ReadonlyMap<string, Owned> {
  return new Map(entries.map((entry) => [addressOf(entry), entry]));
}

function invalid(path: string, fault: string): CodedError {
  return new CodedError('VAULT_LEDGER_INVALID', `the list of what is ours, ${path}, ${fault}`, {
    remedy: 'Restore the policy from a backup, or delete it and take each object back with --adopt.',
  });
}

function busy(owner: string, cause?: unknown): CodedError {
  return new CodedError('VAULT_BUSY', `another apply of the owner "${owner}" ran at the same time`, {
    remedy: 'Wait until it has ended, then run the command again: what was done stays done.',
    cause,
  });
}
