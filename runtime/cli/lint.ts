/** `keyward lint FILE…`: the fifteen rules on plain YAML or JSON. Exit codes: 0 nothing, 1 an error found, 2 it could not run. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { checkRules, hasErrors } from '../../lib/rules/check-rules';
import type { Finding, RuleContext, RuleInput } from '../../lib/rules/rule';
import { rules } from '../../lib/rules/rules';
import { toCoded } from '../errors';
import { githubAnnotations } from '../lint/github';
import type { PlacedFinding } from '../lint/placed-finding';
import { type LintDocument, readDocument, readDocuments, readText } from '../lint/read-documents';
import { sarif } from '../lint/sarif';
import { colorsFor } from './colors';

interface LintFlags {
  readonly list?: true;
  readonly output: 'text' | 'json' | 'sarif' | 'github';
  readonly rule: readonly string[];
  readonly skip: readonly string[];
  readonly vaultState?: string;
  readonly previous?: string;
  readonly previousVaultState?: string;
  readonly clusterVersion?: string;
  readonly csiAddonsVersion?: string;
  readonly environment?: 'dev' | 'prod';
  readonly migrated: readonly string[];
}

const epilogue = `
An object takes itself out of a rule with two annotations:
  keyward.io/ignore-rules: KW08
  keyward.io/ignore-reason: a reason, without which the first has no effect`;

export function addLintCommand(program: Command): void {
  program
    .command('lint')
    .description('check manifests, and the state of a Vault, for the fifteen traps')
    .argument('[files...]', 'files or folders of YAML and JSON; - is standard input')
    .option('--list', 'print the rules')
    .addOption(
      new Option('--output <format>', 'how to print').choices(['text', 'json', 'sarif', 'github']).default('text'),
    )
    .option('--rule <id>', 'run only this rule; may be repeated', collectRule, [])
    .option('--skip <id>', 'do not run this rule; may be repeated', collectRule, [])
    .option('--vault-state <file>', 'desired state of the Vault')
    .option('--previous <path>', 'file or folder with the manifests that are there now')
    .option('--previous-vault-state <file>', 'state of the Vault that is there now')
    .option('--cluster-version <version>', 'version of Kubernetes, e.g. 1.34', version)
    .option('--csi-addons-version <version>', 'version of csi-addons, e.g. 0.14.0', version)
    .addOption(
      new Option('--environment <name>', 'dev makes warnings of what harms real data only').choices(['dev', 'prod']),
    )
    .option(
      '--migrated <name>',
      'provider, KMS id or mount/key whose data was moved and proved; may be repeated',
      collect,
      [],
    )
    .addHelpText('after', epilogue)
    .action((files: string[], flags: LintFlags, command: Command) => {
      if (flags.list) {
        process.stdout.write(listRules(flags.output));
        return undefined;
      }
      if (files.length === 0) command.error('error: give files or folders, or - for standard input', { exitCode: 2 });
      return lint(files, flags).catch(reportAndExit);
    });
}

async function lint(files: readonly string[], flags: LintFlags): Promise<void> {
  const documents = await readDocuments(files);
  const findings = checkRules(await inputOf(documents, flags), {
    ...(flags.rule.length > 0 && { only: flags.rule }),
    skip: flags.skip,
  });
  const placed = findings.map((finding) => ({ ...finding, ...placeOf(finding, documents, flags) }));
  process.stdout.write(print(placed, flags.output));
  process.exitCode = hasErrors(findings) ? 1 : 0;
}

async function inputOf(documents: readonly LintDocument[], flags: LintFlags): Promise<RuleInput> {
  const context: RuleContext = {
    migrated: flags.migrated,
    ...(flags.clusterVersion !== undefined && { clusterVersion: flags.clusterVersion }),
    ...(flags.csiAddonsVersion !== undefined && { csiAddonsVersion: flags.csiAddonsVersion }),
    ...(flags.environment !== undefined && { environment: flags.environment }),
  };
  return {
    objects: documents.map(({ value }) => value),
    context,
    readYaml: readText,
    ...(flags.vaultState !== undefined && { vault: await readDocument(flags.vaultState) }),
    ...(flags.previousVaultState !== undefined && { previousVault: await readDocument(flags.previousVaultState) }),
    ...(flags.previous !== undefined && {
      previous: (await readDocuments([flags.previous])).map(({ value }) => value),
    }),
  };
}

function placeOf(
  { index }: Finding,
  documents: readonly LintDocument[],
  flags: LintFlags,
): { file: string; line: number; index?: never } {
  const document = index === undefined ? undefined : documents[index];
  // Without a file of its own the state is what manifests of the set declare.
  const file = document?.file ?? flags.vaultState ?? flags.previous ?? documents[0]?.file ?? '';
  return { file, line: document?.line ?? 1 };
}

function print(findings: readonly PlacedFinding[], output: LintFlags['output']): string {
  if (output === 'sarif') return `${JSON.stringify(sarif(findings), null, 2)}\n`;
  if (output === 'github') return githubAnnotations(findings);
  const plain = findings.map(({ rule, severity, file, line, object, path, message, got, allowed, remedy }) => ({
    rule,
    severity,
    file,
    line,
    object,
    path,
    message,
    ...(got !== undefined && { got }),
    ...(allowed !== undefined && { allowed }),
    remedy,
  }));
  if (output === 'json') return `${JSON.stringify(plain, null, 2)}\n`;
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  const total = `${errors} error${errors === 1 ? '' : 's'}, ${findings.length - errors} warning${findings.length - errors === 1 ? '' : 's'}\n`;
  return `${findings.map(textOf).join('')}${total}`;
}

function textOf({ rule, severity, file, line, object, path, message, got, allowed, remedy }: PlacedFinding): string {
  const colors = colorsFor(process.stdout);
  const mark = severity === 'error' ? colors.red('error  ') : colors.yellow('warning');
  const details = [got && `got ${got}`, allowed && `allowed: ${allowed}`].filter(Boolean).join('; ');
  return `${file}:${line}: ${mark} ${colors.bold(rule)} ${object}: ${path} ${message}${details === '' ? '' : ` (${details})`}\n    ${remedy}.\n`;
}

function listRules(output: LintFlags['output']): string {
  if (output === 'json') {
    const listed = rules.map(({ id, slug, title, severity, remedy }) => ({ id, slug, title, severity, remedy }));
    return `${JSON.stringify(listed, null, 2)}\n`;
  }
  return rules.map(({ id, severity, title }) => `${id}  ${severity.padEnd(7)}  ${title}\n`).join('');
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

function collectRule(value: string, before: readonly string[]): string[] {
  const id = value.toUpperCase();
  if (rules.some((rule) => rule.id === id)) return [...before, id];
  throw new InvalidArgumentError(`Give an id from KW01 to KW${rules.length}; keyward lint --list names them.`);
}

function version(text: string): string {
  if (/^v?\d+\.\d+([.+-].*)?$/.test(text)) return text;
  throw new InvalidArgumentError('Give a version like 1.34 or v1.34.2.');
}

/** Whoever reads exit code 1 must be able to trust that something was found: what could not run ends with 2. */
function reportAndExit(thrown: unknown): never {
  const error = toCoded(thrown);
  process.stderr.write(`keyward: ${error.code}: ${error.summary}\n`);
  process.exit(2);
}
