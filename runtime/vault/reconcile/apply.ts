/**
 * Carries out a plan. The list of what is ours names an object before it is made and until after it is removed, and every
 * step can be repeated, so an apply that was ended at any request is finished by the next one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { accessorPaths } from '../../../lib/vault/accessor';
import { CodedError } from '../../errors';
import { Accessors } from './accessors';
import type { VaultApi } from './api';
import type { Change, Problem } from './change';
import type { Consents } from './consents';
import { contentsOf } from './contents';
import type { Desired, Section } from './desired';
import { differences, type Fields, withDefaults } from './field';
import type { Owned } from './ledger';
import { readObject } from './live';
import { addressOf, type ObjectId } from './object-id';
import type { Plan, Planned } from './plan';
import { holdsData, isAgreed } from './removals';
import { readSecretValue, type SecretPlaces, traceOf } from './secret-values';

export interface ApplyOptions {
  readonly api: VaultApi;
  readonly consents: Consents;
  readonly secrets: SecretPlaces;
  /** A text that no other apply has. */
  readonly run: string;
  /** Called before each change. */
  readonly onChange?: (change: Change, index: number) => void;
}

/** @throws CodedError of a problem of the plan (nothing was done), VAULT_BUSY, VAULT_HOLDS_DATA; VaultError. */
export async function carryOut({ plan, ledger, kept }: Planned, options: ApplyOptions): Promise<void> {
  refuseProblems(plan);
  if (plan.changes.length === 0 && plan.forgotten.length === 0) return;
  const isMaking = ({ action }: Change) => action === 'create' || action === 'adopt';
  const making = plan.changes.filter(isMaking).map(({ id }) => ownedAs(ledger.entries.get(addressOf(id)), id));
  const before = [...ledger.entries.values()];
  await ledger.replace(unique([...before, ...making]), options.run);
  const hashes = new Map<string, Readonly<Record<string, string>>>();
  const begun = new Set<string>();
  try {
    for (const [index, change] of plan.changes.entries()) {
      options.onChange?.(change, index);
      begun.add(addressOf(change.id));
      hashes.set(addressOf(change.id), await make(change, options));
    }
  } catch (error) {
    const intended = making.filter((entry) => begun.has(addressOf(entry)));
    // A list that is too long hurts nobody; that this error is the one to tell matters more than another of the same cause.
    await ledger.replace(unique([...before, ...intended]), options.run).catch(() => undefined);
    throw error;
  }
  const after = unique([...kept, ...making]).map((entry) => {
    const written = hashes.get(addressOf(entry)) ?? {};
    const all = { ...entry.hashes, ...written };
    return ownedAs(Object.keys(all).length === 0 ? undefined : { ...entry, hashes: all }, entry);
  });
  await ledger.replace(after, options.run);
}

function refuseProblems({ problems }: Plan): void {
  const [first] = problems;
  if (first) throw problemError(first, problems.length);
}

function problemError({ code, address, message, remedy }: Problem, count: number): CodedError {
  const more = count > 1 ? ` (and ${count - 1} more; see the plan)` : '';
  return new CodedError(code, `nothing was changed: ${address} ${message}${more}`, { remedy });
}

/** Makes one change; gives the hashes of secret values that were written. */
async function make(change: Change, options: ApplyOptions): Promise<Readonly<Record<string, string>>> {
  const { action, desired } = change;
  if (action === 'remove' || !desired) {
    await remove(change.id, options);
    return {};
  }
  // What the plan could not know yet is there now.
  const resolved = await new Accessors(options.api).resolve(desired);
  refuseUnresolved(resolved);
  return action === 'create' ? create(resolved, options) : update(resolved, change, options);
}

async function create(desired: Desired, options: ApplyOptions): Promise<Readonly<Record<string, string>>> {
  const { id, sections, create: making } = desired;
  const [first, ...rest] = sections;
  await options.api.write(id.namespace, making.path, { ...making.body, ...first.given }).catch((error: unknown) => {
    throw id.kind === 'audit' ? auditRefused(id, error) : error;
  });
  let hashes: Readonly<Record<string, string>> = {};
  for (const section of rest) {
    const isPlain = differences(section.fields, section.given, {}).length === 0;
    if (isPlain && Object.keys(section.secrets ?? {}).length === 0) continue;
    hashes = { ...hashes, ...(await write(id, section, section.given, options)) };
  }
  return hashes;
}

async function update(
  { id, sections }: Desired,
  { fields }: Change,
  options: ApplyOptions,
): Promise<Readonly<Record<string, string>>> {
  const changed = new Set(fields.map(({ name }) => name));
  let hashes: Readonly<Record<string, string>> = {};
  for (const section of sections) {
    const names = [...section.fields.map(({ name }) => name), ...Object.keys(section.secrets ?? {})];
    const isReviewerGone = section.read.endsWith('/config') && changed.has('token_reviewer_jwt');
    if (!isReviewerGone && !names.some((name) => changed.has(name))) continue;
    hashes = { ...hashes, ...(await write(id, section, withDefaults(section.fields, section.given), options)) };
  }
  return hashes;
}

async function write(
  { namespace }: ObjectId,
  { write: path, secrets = {} }: Section,
  body: Fields,
  options: ApplyOptions,
): Promise<Readonly<Record<string, string>>> {
  const values: Record<string, string> = {};
  const hashes: Record<string, string> = {};
  for (const [name, source] of Object.entries(secrets)) {
    using value = await readSecretValue(source, options.secrets);
    values[name] = value.use((bytes) => bytes.toString('utf8'));
    hashes[name] = traceOf(value);
  }
  await options.api.write(namespace, path, { ...body, ...values }, Object.keys(secrets));
  return hashes;
}

const namespacePollMs = 200;
const namespacePolls = 300;

/** Looks once more what is inside: since the plan was made somebody may have put data there. */
async function remove(id: ObjectId, { api, consents }: ApplyOptions): Promise<void> {
  const first = await readObject(api, id);
  if (!first) return;
  const contents = await contentsOf(api, id, first);
  if (contents.length > 0 && !isAgreed(id, consents)) throw removalError(holdsData(id, contents));
  if (id.kind === 'transit-key' && first.deletion_allowed !== true) {
    await api.write(id.namespace, `${id.path}/config`, { deletion_allowed: true });
  }
  await api.remove(id.namespace, id.path);
  if (id.kind !== 'namespace') return;
  // The server only begins to remove it.
  for (let poll = 0; (await api.read(id.namespace, id.path)) && poll < namespacePolls; poll += 1) {
    await sleep(namespacePollMs);
  }
}

function removalError({ code, address, message, remedy }: Problem): CodedError {
  return new CodedError(code, `${address} ${message} since the plan was made`, { remedy });
}

/** A placeholder in a policy would be a path that nobody has, without an error. */
function refuseUnresolved({ id, sections }: Desired): void {
  const [path] = accessorPaths(String(sections[0].given.policy ?? ''));
  if (path === undefined) return;
  throw new CodedError('CONFIG_INVALID', `${addressOf(id)} needs the accessor of auth/${path}, which is not there`, {
    remedy: 'Declare that auth method in the same namespace of the state.',
  });
}

function auditRefused(id: ObjectId, error: unknown): unknown {
  if (!(error instanceof CodedError) || !/via API/i.test(error.message)) return error;
  return new CodedError('CONFIG_INVALID', `${addressOf(id)}: this server takes no audit device by its API`, {
    remedy:
      'Declare the device in the configuration file of the server, as OpenBao wants it, and remove it from the state.',
    cause: error,
  });
}

function ownedAs(entry: Owned | undefined, { kind, namespace, path }: ObjectId): Owned {
  return entry ?? { kind, namespace, path };
}

function unique(entries: readonly Owned[]): readonly Owned[] {
  return [...new Map(entries.map((entry) => [addressOf(entry), entry])).values()];
}
