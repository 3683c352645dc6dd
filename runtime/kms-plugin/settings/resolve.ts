/** Flags over variables over file: one complete, checked configuration, and the secrets that were given by value. */
import { type KmsPluginConfig, kmsPluginAuthMethods, settleKmsPluginConfig } from '../../../lib/schema/kms-plugin';
import { nearest } from '../../../lib/schema/nearest';
import { SchemaError } from '../../../lib/schema/schema-error';
import { CodedError } from '../../errors';
import { Secret } from '../../secret';
import { configVariable, readValue, type Setting, settings, variablePrefix, variablesWithoutEffect } from './table';

export interface Sources {
  /** By today's or an older spelling, without dashes. */
  readonly flags: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The parsed configuration file. */
  readonly file?: unknown;
}

/** What came by flag or variable and has no place in a file. */
export interface GivenValues {
  readonly token?: Secret;
  readonly secretId?: Secret;
  readonly password?: Secret;
  readonly caPem?: string;
}

export interface PluginSettings {
  readonly config: KmsPluginConfig;
  readonly given: GivenValues;
  /** What an operator should be told at the start: secrets that others can see, settings without effect, misspelt names. */
  readonly notes: readonly string[];
}

interface Found {
  readonly setting: Setting;
  readonly value: unknown;
  readonly by: 'flag' | 'variable';
  /** For people: `--vault-address` or `VAULT_ADDR`. */
  readonly origin: string;
}

/** @throws CodedError CONFIG_INVALID naming each member, and the flag or variable it came from where that is known. */
export function resolveSettings({ flags, environment, file }: Sources): PluginSettings {
  const found = settings.flatMap((setting) => find(setting, flags, environment) ?? []);
  refuseSpiffe(found);
  const members = withoutOutranked(found);
  try {
    const config = settleKmsPluginConfig(assemble(members, file));
    return { config, given: givenValues(members), notes: notesOn(found, environment) };
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    throw new CodedError('CONFIG_INVALID', error.message, {
      remedy: 'See keyward kms-plugin --help for the flag and the variable of each member.',
      cause: error,
    });
  }
}

function find(setting: Setting, flags: Sources['flags'], environment: Sources['environment']): Found | undefined {
  const flag = setting.flags.find((name) => flags[name] !== undefined);
  // Go programs, and Kubernetes manifests, spell «not set» as an empty variable.
  const variable = setting.variables.find((name) => (environment[name] ?? '') !== '');
  const [by, origin, text] =
    flag !== undefined
      ? (['flag', `--${flag}`, flags[flag] ?? ''] as const)
      : (['variable', variable ?? '', environment[variable ?? ''] ?? ''] as const);
  if (flag === undefined && variable === undefined) return undefined;
  if (text === '' && (setting.secret || setting.kind === 'file')) return undefined;
  const value = readValue(setting, text);
  if (value !== undefined) return { setting, value, by, origin };
  throw new CodedError(
    'CONFIG_INVALID',
    `${origin} is not a ${setting.kind === 'number' ? 'whole number' : 'boolean'}`,
    {
      remedy: setting.kind === 'number' ? 'Write digits only.' : 'Write true or false.',
    },
  );
}

/** The same credential by value and by file: what ranks higher counts, and a file before a value of the same rank. */
const alternatives: readonly (readonly [value: string, file: string])[] = [
  ['given.token', 'auth.token.tokenFile'],
  ['given.secretId', 'auth.approle.secretIdFile'],
  ['given.password', 'auth.userpass.passwordFile'],
  ['auth.approle.roleId', 'auth.approle.roleIdFile'],
  ['given.caPem', 'vault.caFile'],
];

function withoutOutranked(found: readonly Found[]): readonly Found[] {
  const dropped = alternatives.flatMap(([value, file]) => {
    const [byValue, byFile] = [value, file].map((member) => found.find(({ setting }) => setting.member === member));
    if (!byValue || !byFile) return [];
    return byValue.by === 'flag' && byFile.by === 'variable' ? [byFile] : [byValue];
  });
  return found.filter((each) => !dropped.includes(each));
}

function assemble(found: readonly Found[], file: unknown): unknown {
  // What is no object is left for the schema to complain of.
  if (file !== undefined && !isObject(file)) return file;
  const result: Record<string, unknown> = structuredClone(file ?? {});
  // A member that two settings have (--log-level, --debug) goes to the flag, and else to the one that the table lists first.
  for (const { setting, value } of byRank(found)) {
    const [section = '', ...rest] = setting.member.split('.');
    if (section === 'auth' || section === 'given' || section === 'unused') continue;
    setMember(result, [section, ...rest], value);
  }
  const auth = assembleAuth(found, isObject(result.auth) ? result.auth : {});
  if (auth) result.auth = auth;
  dropOutrankedByFlag(result, found);
  return result;
}

/** The one that counts most comes last. */
function byRank(found: readonly Found[]): readonly Found[] {
  return [
    ...found.filter(({ by }) => by === 'variable').reverse(),
    ...found.filter(({ by }) => by === 'flag').reverse(),
  ];
}

/** A value from flag or variable stands above a file that the configuration file names. */
function dropOutrankedByFlag(result: Record<string, unknown>, found: readonly Found[]): void {
  for (const [value, file] of alternatives) {
    const isGiven = found.some(({ setting }) => setting.member === value);
    const [section = '', ...rest] = file.split('.');
    const member = rest.at(-1) ?? '';
    if (isGiven && isObject(result[section])) delete (result[section] as Record<string, unknown>)[member];
  }
}

function assembleAuth(found: readonly Found[], file: Readonly<Record<string, unknown>>): unknown {
  const method = found.find(({ setting }) => setting.member === 'auth.method')?.value ?? file.method ?? inferred(found);
  if (method === undefined) return undefined;
  const auth: Record<string, unknown> = file.method === method ? { ...file } : {};
  auth.method = method;
  for (const { setting, value } of found) {
    const [section, of, member] = setting.member.split('.');
    if (section === 'auth' && of === method && member !== undefined) auth[member] = value;
  }
  return auth;
}

/** Older releases of the peer know no method: what is given tells it. Undefined when that is none or more than one. */
function inferred(found: readonly Found[]): string | undefined {
  const owner: Readonly<Record<string, string>> = {
    'given.token': 'token',
    'given.secretId': 'approle',
    'given.password': 'userpass',
  };
  const methods = found.flatMap(({ setting: { member } }) => {
    const method = owner[member] ?? /^auth\.(\w+)\./.exec(member)?.[1];
    return method === undefined ? [] : [method];
  });
  const distinct = kmsPluginAuthMethods.filter((method) => methods.includes(method));
  return distinct.length === 1 ? distinct[0] : undefined;
}

function givenValues(found: readonly Found[]): GivenValues {
  const text = (member: string) => {
    const value = found.find(({ setting }) => setting.member === member)?.value;
    return typeof value === 'string' ? value : undefined;
  };
  const secret = (member: string) => {
    const value = text(member)?.trim();
    return value === undefined ? undefined : Secret.fromText(value);
  };
  const [token, secretId, password] = [secret('given.token'), secret('given.secretId'), secret('given.password')];
  const caPem = text('given.caPem');
  return {
    ...(token && { token }),
    ...(secretId && { secretId }),
    ...(password && { password }),
    ...(caPem !== undefined && { caPem }),
  };
}

function notesOn(found: readonly Found[], environment: Sources['environment']): readonly string[] {
  const known = [configVariable, ...settings.flatMap(({ variables }) => variables)];
  const visible = found.filter(({ setting, by }) => setting.secret && by === 'flag');
  const unused = found.filter(({ setting }) => setting.member.startsWith('unused.'));
  const set = Object.keys(environment).filter((name) => (environment[name] ?? '') !== '');
  return [
    ...visible.map(
      ({ origin, setting }) =>
        `${origin} shows a secret to everyone who can list processes: use --${setting.flags[0]}-file`,
    ),
    ...unused.map(({ origin, setting }) => `${origin} has ${setting.help}`),
    ...set
      .filter((name) => name.startsWith(variablePrefix) && !known.includes(name))
      .map((name) => {
        const meant = nearest(name, known);
        return `${name} is not a known variable${meant === undefined ? '' : `; is ${meant} meant?`}`;
      }),
    ...set.filter((name) => variablesWithoutEffect.includes(name)).map((name) => `${name} has no effect`),
  ];
}

function refuseSpiffe(found: readonly Found[]): void {
  const source = found.find(({ setting }) => setting.member === 'unused.jwtSource');
  if (!source || source.value === 'file') return;
  throw new CodedError('CONFIG_INVALID', `${source.origin} knows the source "file" only`, {
    remedy: 'Let spiffe-helper write the JWT-SVID to a file, and name that file with --jwt-token-path.',
  });
}

function setMember(object: Record<string, unknown>, [key = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) {
    object[key] = value;
    return;
  }
  if (!isObject(object[key])) object[key] = {};
  setMember(object[key] as Record<string, unknown>, rest, value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
