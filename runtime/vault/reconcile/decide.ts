/** From one wanted object and what is at the server to what must be done, or to why that must not be done. */
import type { Problem } from './change';
import type { Consents } from './consents';
import type { Desired, Section } from './desired';
import { differences, type FieldChange, withDefaults } from './field';
import type { Owned } from './ledger';
import type { Live } from './live';
import { addressOf, type ObjectId } from './object-id';
import { isTraceOf, readSecretValue, type SecretPlaces } from './secret-values';

export interface Decision {
  /** `share`: it is somebody else's and as wanted. `stop`: it cannot be had. `skip`: what it lies in cannot be had. */
  readonly action: 'create' | 'update' | 'adopt' | 'none' | 'share' | 'stop' | 'skip';
  readonly id: ObjectId;
  readonly fields?: readonly FieldChange[];
  readonly desired?: Desired;
  readonly problem?: Problem;
}

interface Context {
  readonly owned: Owned | undefined;
  readonly consents: Consents;
  readonly secrets: SecretPlaces;
}

/** @throws CodedError CONFIG_UNREADABLE: a value that the state names cannot be read. */
export async function decide(desired: Desired, live: Live | undefined, context: Context): Promise<Decision> {
  const { id } = desired;
  const stop = (problem: Omit<Problem, 'address'>): Decision => ({
    action: 'stop',
    id,
    problem: { address: addressOf(id), ...problem },
  });
  const missing = missingCa(desired);
  if (missing) return stop(missing);
  if (!live) {
    const tooHigh = beyondLatest(desired, 1);
    if (tooHigh) return stop(tooHigh);
    const fields = await changes(desired, undefined, 'all', context);
    return { action: 'create', id, fields: fields.map(({ name, after }) => ({ name, after })), desired };
  }
  const isOurs = context.owned !== undefined || context.consents.adopt.has(addressOf(id));
  const other = otherType(desired, live);
  if (other) return stop(isOurs ? immutable(other) : foreign(`exists ${other}, and is not ours`, 'no'));
  const fields = await changes(desired, live, isOurs ? 'all' : 'given', context);
  if (!isOurs) {
    if (desired.isContainer && fields.length === 0) return { action: 'share', id };
    const which = fields.map(({ name }) => name).join(', ');
    return stop(foreign(`exists, and is not ours${which === '' ? '' : `; it differs in ${which}`}`, 'yes'));
  }
  const fault = unchangeable(desired, fields) ?? narrowed(desired, live, fields, context.consents);
  if (fault) return stop(fault);
  if (context.owned) return { action: fields.length === 0 ? 'none' : 'update', id, fields, desired };
  return { action: 'adopt', id, fields, desired };
}

/** @param which of what is not ours only that is compared of which the state speaks. */
async function changes(
  { id, sections }: Desired,
  live: Live | undefined,
  which: 'all' | 'given',
  context: Context,
): Promise<readonly FieldChange[]> {
  const found: FieldChange[] = [];
  for (const [index, section] of sections.entries()) {
    // What a server adds to the options of an audit device is its own affair.
    const isWhole = which === 'all' && live !== undefined && id.kind !== 'audit';
    const wanted = isWhole ? withDefaults(section.fields, section.given) : section.given;
    found.push(...differences(section.fields, wanted, live?.sections[index] ?? {}));
    found.push(...(await secretChanges(section, live?.sections[index], which, context)));
  }
  return found;
}

const hidden = '(a secret)';

async function secretChanges(
  { secrets = {} }: Section,
  live: Live['sections'][number] | undefined,
  which: 'all' | 'given',
  { owned, secrets: places }: Context,
): Promise<readonly FieldChange[]> {
  const found: FieldChange[] = [];
  for (const [name, source] of Object.entries(secrets)) {
    using value = await readSecretValue(source, places);
    // Older servers do not tell whether it is set.
    const isSet = live !== undefined && Object.keys(live).length > 0 && live[`${name}_set`] !== false;
    if (isSet && (which === 'given' || isTraceOf(owned?.hashes?.[name], value))) continue;
    found.push({ name, after: hidden, ...(isSet && { before: `${hidden}, another or of unknown origin` }) });
  }
  const reviewer = 'token_reviewer_jwt';
  if (!(reviewer in secrets) && live?.[`${reviewer}_set`] === true) {
    found.push({ name: reviewer, before: hidden, after: '' });
  }
  return found;
}

/** The first thing that cannot be changed and is otherwise, in words. */
function otherType({ fixed }: Desired, live: Live): string | undefined {
  const [name] = Object.keys(fixed).filter((one) => live.fixed[one] !== fixed[one]);
  return name === undefined ? undefined : `with ${name} ${live.fixed[name] ?? 'unknown'}, not ${fixed[name]}`;
}

type Fault = Omit<Problem, 'address'>;

function immutable(how: string): Fault {
  const isKv = /version 1, not 2/.test(how);
  return {
    code: 'VAULT_IMMUTABLE',
    message: `is there ${how}, which cannot be changed in place (trap 10)`,
    remedy: isKv
      ? 'Upgrade it by hand ("vault kv enable-versioning PATH", not to be undone; every policy and client needs the paths of version 2), then apply again.'
      : 'Declare a new one at another path and move what needs it, or give the state what is there.',
  };
}

function foreign(how: string, canBeAdopted: 'yes' | 'no'): Fault {
  return {
    code: 'VAULT_FOREIGN',
    message: how,
    remedy:
      canBeAdopted === 'yes'
        ? 'If the state shall keep it from now on, name it with --adopt; else use another name.'
        : 'Use another path.',
  };
}

/** Audit devices have no way to be changed. */
function unchangeable({ id }: Desired, fields: readonly FieldChange[]): Fault | undefined {
  if (id.kind !== 'audit' || fields.length === 0) return undefined;
  return immutable(`with another ${fields.map(({ name }) => name).join(' and ')}`);
}

/** Trap 14. */
function narrowed(
  desired: Desired,
  live: Live,
  fields: readonly FieldChange[],
  { raiseMinDecryption }: Consents,
): Fault | undefined {
  const tooHigh = beyondLatest(desired, Number(live.sections[1]?.latest_version ?? 1));
  if (tooHigh) return tooHigh;
  const change = fields.find(({ name }) => name === 'min_decryption_version');
  if (!change || Number(change.before ?? 1) >= Number(change.after)) return undefined;
  if (raiseMinDecryption.has(addressOf(desired.id))) return undefined;
  return {
    code: 'VAULT_UNSAFE',
    message: `would stop decrypting what versions below ${change.after} encrypted (trap 14)`,
    remedy: 'Rewrap everything first, then name the key with --raise-min-decryption.',
  };
}

function beyondLatest({ id, sections }: Desired, latest: number): Fault | undefined {
  if (id.kind !== 'transit-key') return undefined;
  const given = sections[1]?.given ?? {};
  const names = ['min_decryption_version', 'min_encryption_version'].filter(
    (name) => Number(given[name] ?? 0) > latest,
  );
  if (names.length === 0) return undefined;
  return {
    code: 'CONFIG_INVALID',
    message: `has ${names.join(' and ')} above ${latest}, its latest version`,
    remedy: 'Rotate the key first, or lower the number in the state.',
  };
}

/** R4: without the CA of its own pod the server needs to be told one, and would refuse halfway. */
function missingCa({ sections }: Desired): Fault | undefined {
  const given = sections[1]?.given;
  if (given?.disable_local_ca_jwt !== true || given.kubernetes_ca_cert !== undefined) return undefined;
  return {
    code: 'CONFIG_INVALID',
    message: 'has no kubernetesCaCert, which the server demands unless it reviews with the token of its own pod (R4)',
    remedy: 'Give the CA of the API server in config.kubernetesCaCert.',
  };
}
