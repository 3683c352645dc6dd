/** What an apply would do. A plan with problems is never carried out, not even in part. */
import type { VaultState } from '../../../lib/vault/state';
import { Semaphore } from '../../async/semaphore';
import { Accessors } from './accessors';
import type { VaultApi } from './api';
import type { Change, Problem } from './change';
import type { Consents } from './consents';
import { type Decision, decide } from './decide';
import { type Desired, desiredObjects } from './desired';
import { isLedgerPath, Ledger, type Owned } from './ledger';
import { liesInAnother, readLive } from './live';
import { addressOf, type ObjectId, type ObjectKind, objectKinds } from './object-id';
import { planRemovals } from './removals';
import type { SecretPlaces } from './secret-values';

export interface Plan {
  readonly owner: string;
  /** In the order in which they are made. */
  readonly changes: readonly Change[];
  readonly problems: readonly Problem[];
  /** Addresses of what is as wanted and somebody else's: it is used and never changed. */
  readonly shared: readonly string[];
  /** Addresses of what was ours, is gone, and is not wanted any more. */
  readonly forgotten: readonly string[];
  /** How many objects of ours are as wanted. */
  readonly unchanged: number;
}

export interface PlanOptions {
  readonly api: VaultApi;
  readonly state: VaultState;
  readonly consents: Consents;
  readonly secrets: SecretPlaces;
  /** Everything of the owner is to go. */
  readonly destroy?: boolean;
}

/** A plan, and what is needed to carry it out. */
export interface Planned {
  readonly plan: Plan;
  readonly ledger: Ledger;
  /** What stays in the list of what is ours when all is done, apart from what is made or adopted. */
  readonly kept: readonly Owned[];
}

/** Requests at once while reading. */
const parallelReads = 8;

/** @throws CodedError CONFIG_UNREADABLE, VAULT_LEDGER_INVALID; VaultError. */
export async function makePlan({ api, state, consents, secrets, destroy = false }: PlanOptions): Promise<Planned> {
  const ledger = await Ledger.open(api, state.owner);
  const wanted = destroy ? [] : desiredObjects(state);
  const decisions = await decideAll(wanted, { api, ledger, consents, secrets });
  const byAction = (action: Decision['action']) => decisions.filter((decision) => decision.action === action);
  const addresses = new Set(wanted.map(({ id }) => addressOf(id)));
  const unwanted = [...ledger.entries].flatMap(([address, entry]) => (addresses.has(address) ? [] : [entry]));
  const removals = await planRemovals(unwanted, api, consents);
  const changes = decisions.flatMap(({ action, id, fields = [], desired }): Change[] =>
    action === 'create' || action === 'update' || action === 'adopt'
      ? [{ action, id, fields, ...(desired && { desired }) }]
      : [],
  );
  const [quotas, others] = [
    removals.changes.filter(({ id }) => id.kind === 'quota'),
    removals.changes.filter(({ id }) => id.kind !== 'quota'),
  ];
  return {
    ledger,
    kept: [...byAction('none'), ...byAction('update')].flatMap(({ id }) => ledger.entries.get(addressOf(id)) ?? []),
    plan: {
      owner: state.owner,
      // Two quotas may not hold for one path: one that got another name goes first.
      changes: [...quotas, ...changes, ...others],
      problems: [...decisions.flatMap(({ problem }) => problem ?? []), ...removals.problems],
      shared: byAction('share').map(({ id }) => addressOf(id)),
      forgotten: removals.gone.map(addressOf),
      unchanged: byAction('none').length,
    },
  };
}

interface Around {
  readonly api: VaultApi;
  readonly ledger: Ledger;
  readonly consents: Consents;
  readonly secrets: SecretPlaces;
}

/** Kind by kind, since below something that is absent, or is of another type, nothing may be read: it could be a user's data. */
async function decideAll(wanted: readonly Desired[], around: Around): Promise<readonly Decision[]> {
  const made = new Map<string, Decision>();
  const accessors = new Accessors(around.api);
  const permits = new Semaphore(parallelReads);
  for (const group of inGroups(wanted)) {
    const decisions = await Promise.all(
      group.map((desired) => permits.run(() => decideOne(desired, made, accessors, around))),
    );
    for (const decision of decisions) made.set(addressOf(decision.id), decision);
  }
  return [...made.values()];
}

async function decideOne(
  desired: Desired,
  made: ReadonlyMap<string, Decision>,
  accessors: Accessors,
  { api, ledger, consents, secrets }: Around,
): Promise<Decision> {
  const { id, parent } = desired;
  if (isLedgerPath(id.path)) return { action: 'stop', id, problem: reserved(id) };
  const above = parent && made.get(addressOf(parent));
  if (above?.action === 'stop') return { action: 'skip', id };
  if (parent && !above && !(await api.read(parent.namespace, parent.path))) {
    return { action: 'stop', id, problem: homeless(id, parent) };
  }
  const isNew = above?.action === 'create';
  if (!isNew && (await liesInAnother(api, id))) return { action: 'stop', id, problem: below(id) };
  const resolved = await accessors.resolve(desired);
  const live = isNew ? undefined : await readLive(api, resolved);
  return decide(resolved, live, { owned: ledger.entries.get(addressOf(id)), consents, secrets });
}

/** Objects that do not lie in each other. Namespaces do. */
function inGroups(wanted: readonly Desired[]): readonly (readonly Desired[])[] {
  const of = (kind: ObjectKind) => wanted.filter(({ id }) => id.kind === kind);
  return objectKinds.flatMap((kind) => (kind === 'namespace' ? of(kind).map((one) => [one]) : [of(kind)]));
}

function reserved(id: ObjectId): Problem {
  return {
    code: 'CONFIG_INVALID',
    address: addressOf(id),
    message: 'is the name of a list that keyward keeps',
    remedy: 'Give the policy another name.',
  };
}

function below(id: ObjectId): Problem {
  return {
    code: 'CONFIG_INVALID',
    address: addressOf(id),
    message: 'lies in another engine or auth method of the server, where no second one fits',
    remedy: 'Use a path that does not begin with that of another.',
  };
}

function homeless(id: ObjectId, parent: ObjectId): Problem {
  return {
    code: 'CONFIG_INVALID',
    address: addressOf(id),
    message: `lies in ${addressOf(parent)}, which is neither in the state nor at the server`,
    remedy: 'Add that namespace to the state, empty if need be.',
  };
}
