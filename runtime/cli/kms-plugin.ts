/** `keyward kms-plugin`: the Kubernetes KMS plugin, and `keyward kms-plugin doctor`. */
import { type Command, Option } from 'commander';
import { examine, hasFailed } from '../kms-plugin/doctor/doctor';
import type { Finding } from '../kms-plugin/doctor/finding';
import { type KmsPlugin, startKmsPlugin } from '../kms-plugin/plugin';
import { defaults, defaultText } from '../kms-plugin/settings/defaults';
import { readDocument } from '../kms-plugin/settings/read-file';
import { type PluginSettings, resolveSettings } from '../kms-plugin/settings/resolve';
import { configVariable, type Setting, settings } from '../kms-plugin/settings/table';
import { createLog, silentLog } from '../log';
import { colorsFor } from './colors';
import { fromGoStyle, type GoFlag } from './go-flags';
import { reportAndExit } from './report';

/** A static pod has 30 seconds between SIGTERM and SIGKILL; no call takes longer than a few. */
const graceMs = 5_000;
const commandName = 'kms-plugin';

const epilogue = `
Flags are taken with one dash or two. A flag counts before its variable, and that before the configuration file
(JSON or YAML, members as in lib/schema/kms-plugin.ts). All variables VAULT_KMS_* of vault-kubernetes-kms count, and those
of Vault's own clients (VAULT_ADDR, VAULT_TOKEN, VAULT_CACERT, ..., also with BAO_ in front).

The health port serves /livez (also as /health and /live), /readyz and /metrics, on 127.0.0.1 only: give a kubelet's probe
\`host: 127.0.0.1\`, or open the port with --health-address.`;

export function addKmsPluginCommand(program: Command, version: string): void {
  const command = program
    .command(commandName)
    .description('serve the Kubernetes KMS API (v1beta1 and v2) on Vault or OpenBao transit')
    .addHelpText('after', epilogue);
  addSettings(command)
    .version(version)
    .action((flags: Flags) => serve(flags, version));
  addSettings(command.command('doctor'))
    .description('check address, TLS, login, policy, key, socket and the configuration of the API server')
    .option('--encryption-config <file>', 'file that the API server reads with --encryption-provider-config')
    .addOption(new Option('--output <format>', 'how to print').choices(['text', 'json']).default('text'))
    .action((_: Flags, doctor: Command) => diagnose(doctor.optsWithGlobals()));
}

/** Arguments of the whole program, with those of this command rewritten from Go's style. */
export function withGoStyleFlags(argv: readonly string[]): string[] {
  const at = argv.indexOf(commandName);
  if (at < 0) return [...argv];
  const args = argv.slice(at + 1).map((arg) => (arg === '-version' || arg === '-help' ? `-${arg}` : arg));
  return [...argv.slice(0, at + 1), ...fromGoStyle(args, goFlags())];
}

type Flags = Readonly<Record<string, string>>;

function addSettings(command: Command): Command {
  const byFlag = new Map(settings.map((setting) => [`--${setting.flags[0]}`, setting]));
  let all: ReadonlyMap<string, string> | undefined;
  command.configureHelp({
    optionDescription: ({ long, description }) => {
      const setting = byFlag.get(long ?? '');
      all ??= defaults();
      const text = setting && defaultText(setting, all);
      return text === undefined ? description : `${description} [${text}]`;
    },
  });
  command.addOption(new Option('--config <file>', `configuration file (${configVariable})`));
  for (const setting of settings) {
    for (const [index, flag] of setting.flags.entries()) {
      const option = new Option(
        `--${flag} <${placeholder(setting)}>`,
        `${setting.help} (${setting.variables.join(', ')})`,
      );
      command.addOption(index === 0 ? option : option.hideHelp());
    }
  }
  return command;
}

function placeholder({ kind }: Setting): string {
  return { text: 'text', file: 'file', number: 'number', switch: 'true|false' }[kind];
}

function goFlags(): GoFlag[] {
  const own = ['config', 'output', 'encryption-config'].map((name) => ({ name, isSwitch: false }));
  return [
    ...own,
    ...settings.flatMap(({ flags, kind }) => flags.map((name) => ({ name, isSwitch: kind === 'switch' }))),
  ];
}

/** @throws CodedError CONFIG_*. */
async function readSettings(flags: Flags): Promise<PluginSettings> {
  const byFlag = settings.flatMap(({ flags: names }) =>
    names.flatMap((name) => {
      const value = flags[new Option(`--${name} <value>`).attributeName()];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
  const file = flags.config ?? process.env[configVariable];
  return resolveSettings({
    flags: Object.fromEntries(byFlag),
    environment: process.env,
    ...(file && { file: await readDocument(file) }),
  });
}

async function serve(flags: Flags, version: string): Promise<void> {
  const pluginSettings = await readSettings(flags);
  const log = createLog(pluginSettings.config.log.level);
  // An API server must not lose its KMS by a promise that nobody waits for.
  process.on('unhandledRejection', (error) => log.error('an error that nobody waited for', { error }));
  const plugin = await startKmsPlugin({ settings: pluginSettings, version, log });
  endOnSignal(plugin);
}

/** Exit code 1 when a check failed; a warning does not count. */
async function diagnose(flags: Flags): Promise<void> {
  const findings = await examine({
    settings: await readSettings(flags),
    log: silentLog,
    ...(flags.encryptionConfig !== undefined && { encryptionConfigFile: flags.encryptionConfig }),
  });
  if (flags.output === 'json') process.stdout.write(`${JSON.stringify(findings, null, 2)}\n`);
  else for (const finding of findings) process.stdout.write(format(finding));
  process.exitCode = hasFailed(findings) ? 1 : 0;
}

function format({ check, result, detail, remedy }: Finding): string {
  const { green, yellow, red, dim } = colorsFor(process.stdout);
  const paint = { ok: green, warning: yellow, failed: red, skipped: dim }[result];
  return `${paint(result.padEnd(8))}${check}: ${detail}\n${remedy === undefined ? '' : `          ${remedy}\n`}`;
}

function endOnSignal(plugin: KmsPlugin): void {
  let closing = false;
  const close = () => {
    if (closing) return;
    closing = true;
    plugin.close(graceMs).then(() => process.exit(0), reportAndExit);
  };
  process.on('SIGTERM', close);
  process.on('SIGINT', close);
}
