/** `keyward vault plan|apply|destroy`: makes a Vault or OpenBao what a state says. */
import { randomBytes } from 'node:crypto';
import { type Command, type CommanderError, Option } from 'commander';
import { mountPaths } from '../../lib/schema/names';
import { SchemaError } from '../../lib/schema/schema-error';
import { decodeVaultState, type VaultState } from '../../lib/vault/state';
import { CodedError } from '../errors';
import { readDocument } from '../kms-plugin/settings/read-file';
import { VaultApi } from '../vault/reconcile/api';
import { carryOut } from '../vault/reconcile/apply';
import { addressSet, type Consents } from '../vault/reconcile/consents';
import { addressOf } from '../vault/reconcile/object-id';
import { makePlan, type Plan, type Planned } from '../vault/reconcile/plan';
import { colorsFor } from './colors';
import { addConnectionOptions, type ConnectionFlags, connect } from './vault-connection';
import { changeLine, planText } from './vault-plan-text';

interface VaultFlags extends ConnectionFlags {
  readonly state: string;
  readonly adopt: readonly string[];
  readonly deleteData: readonly string[];
  readonly raiseMinDecryption: readonly string[];
  readonly secretsDir: string;
  readonly secretsNamespace?: string;
  readonly output: 'text' | 'json';
  readonly color: boolean;
  readonly detailedExitcode?: true;
}

const epilogue = `
PATH is the one that the plan shows, e.g. sys/mounts/kv, transit/keys/shop or auth/kubernetes/role/shop. See docs/vault-cli.md.`;

export function addVaultCommand(program: Command): void {
  const vault = program.command('vault').description('make a Vault or OpenBao what a state says; needs no KMS');
  const plan = subcommand(vault, 'plan', 'show what apply would do; changes nothing')
    .option('--detailed-exitcode', '0: no change, 1: failed, also by the command line, 2: changes')
    .action((flags: VaultFlags) => showPlan(flags));
  plan.exitOverride((error: CommanderError) => {
    const isDetailed = process.argv.includes('--detailed-exitcode');
    process.exit(error.exitCode === 0 ? 0 : isDetailed ? 1 : 2);
  });
  subcommand(
    vault,
    'apply',
    'make what is missing, mend what differs, remove what is ours and no longer wanted',
  ).action((flags: VaultFlags) => change(flags, false));
  subcommand(vault, 'destroy', 'remove all that the owner of the state owns, and nothing else').action(
    (flags: VaultFlags) => change(flags, true),
  );
}

function subcommand(vault: Command, name: string, description: string): Command {
  const command = vault.command(name).description(description).addHelpText('after', epilogue);
  const paths = (flag: string, help: string) =>
    new Option(`${flag} <path...>`, help).default([] as readonly string[], 'none').argParser(collect);
  command.requiredOption('--state <file>', 'the state, JSON or YAML');
  return addConnectionOptions(command)
    .addOption(paths('--adopt', 'take over what exists and is not ours'))
    .addOption(paths('--delete-data', 'remove this although data is lost with it'))
    .addOption(paths('--raise-min-decryption', 'let older versions of this transit key decrypt no more'))
    .option('--secrets-dir <folder>', 'mounted Secrets that the state names, as NAMESPACE/NAME/KEY', mountPaths.secrets)
    .option('--secrets-namespace <name>', 'of a Secret that the state names without one', process.env.POD_NAMESPACE)
    .addOption(new Option('--output <format>', 'how to print').choices(['text', 'json']).default('text'))
    .option('--no-color', 'plain text (also NO_COLOR, or when the output is no terminal)');
}

function collect(path: string, before: readonly string[]): readonly string[] {
  return [...before, path];
}

async function showPlan(flags: VaultFlags): Promise<void> {
  await withVault(flags, false, async ({ plan }) => {
    const colors = colorsFor(process.stdout, flags.color);
    process.stdout.write(flags.output === 'json' ? json(plan, {}) : planText(plan, colors));
    if (plan.problems.length > 0) process.exitCode = 1;
    else if (flags.detailedExitcode && plan.changes.length > 0) process.exitCode = 2;
  });
}

async function change(flags: VaultFlags, destroy: boolean): Promise<void> {
  await withVault(flags, destroy, async (planned, options) => {
    const { plan } = planned;
    if (flags.output === 'text') process.stdout.write(planText(plan, colorsFor(process.stdout, flags.color)));
    const colors = colorsFor(process.stderr, flags.color);
    const total = plan.changes.length;
    const run = carryOut(planned, {
      ...options,
      run: randomBytes(8).toString('hex'),
      onChange: (each, index) => process.stderr.write(`[${index + 1}/${total}] ${changeLine(each, colors)}\n`),
    });
    const failed = await run.then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    if (flags.output === 'json') process.stdout.write(json(plan, { applied: !failed }));
    if (failed) throw failed.error;
  });
}

type Reconciling = Omit<Parameters<typeof carryOut>[1], 'run' | 'onChange'>;

async function withVault(
  flags: VaultFlags,
  destroy: boolean,
  act: (planned: Planned, options: Reconciling) => Promise<void>,
): Promise<void> {
  const state = await readState(flags.state);
  const { client, namespace, warnings } = await connect(flags, process.env);
  for (const warning of warnings) process.stderr.write(`keyward: warning: ${warning}\n`);
  const { secretsDir: directory, secretsNamespace } = flags;
  const consents: Consents = {
    adopt: addressSet(flags.adopt),
    deleteData: addressSet(flags.deleteData),
    raiseMinDecryption: addressSet(flags.raiseMinDecryption),
  };
  const secrets = { directory, ...(secretsNamespace !== undefined && { namespace: secretsNamespace }) };
  const options = { api: new VaultApi(client, namespace), consents, secrets };
  try {
    await act(await makePlan({ ...options, state, destroy }), options);
  } finally {
    client.close();
  }
}

/** @throws CodedError CONFIG_UNREADABLE, CONFIG_INVALID naming every fault. */
async function readState(path: string): Promise<VaultState> {
  const document = await readDocument(path);
  try {
    return decodeVaultState(document);
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    throw new CodedError('CONFIG_INVALID', `${path}: ${error.message}`, {
      remedy: 'Mend the state; nothing was changed.',
      cause: error,
    });
  }
}

function json(plan: Plan, more: Readonly<Record<string, unknown>>): string {
  const changes = plan.changes.map(({ action, id, fields }) => ({
    action,
    path: addressOf(id),
    kind: id.kind,
    fields,
  }));
  const problems = plan.problems.map(({ address: path, ...problem }) => ({ path, ...problem }));
  return `${JSON.stringify({ ...plan, changes, problems, ...more }, undefined, 2)}\n`;
}
