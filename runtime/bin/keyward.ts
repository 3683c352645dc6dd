#!/usr/bin/env node
/** The one executable. Exit codes: 0 done, 1 failed, 2 the command line is wrong. */
import { Command } from 'commander';
import { reportAndExit } from '../cli/report';

/** Put in by the bundler from package.json. */
declare const KEYWARD_VERSION: string;
const version = typeof KEYWARD_VERSION === 'string' ? KEYWARD_VERSION : '0.0.0-source';

const program = new Command('keyward')
  .description('Encrypted storage on Kubernetes: LUKS2 per volume, keys in a KMS')
  .version(version)
  .showHelpAfterError()
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

/** Loaded on demand: what one command needs must not slow the start of another. */
const commands: Readonly<Record<string, () => void>> = {
  csi: () => (require('../cli/csi') as typeof import('../cli/csi')).addCsiCommand(program, version),
  'tenant-agent': () =>
    (require('../cli/tenant-agent') as typeof import('../cli/tenant-agent')).addTenantAgentCommand(program, version),
  etcd: () => (require('../cli/etcd') as typeof import('../cli/etcd')).addEtcdCommand(program),
  inspect: () => (require('../cli/inspect') as typeof import('../cli/inspect')).addInspectCommand(program),
  'kms-plugin': () =>
    (require('../cli/kms-plugin') as typeof import('../cli/kms-plugin')).addKmsPluginCommand(program, version),
  keys: () => (require('../cli/keys') as typeof import('../cli/keys')).addKeysCommand(program),
  kms: () => (require('../cli/kms') as typeof import('../cli/kms')).addKmsCommand(program),
  lint: () => (require('../cli/lint') as typeof import('../cli/lint')).addLintCommand(program),
  rotate: () => (require('../cli/rotate') as typeof import('../cli/rotate')).addRotateCommand(program),
  vault: () => (require('../cli/vault') as typeof import('../cli/vault')).addVaultCommand(program),
  verify: () => (require('../cli/verify') as typeof import('../cli/verify')).addVerifyCommand(program),
  completion: () => (require('../cli/completion') as typeof import('../cli/completion')).addCompletionCommand(program),
};

const wanted = process.argv[2] ?? '';
const standsAlone = wanted !== 'completion' && Object.hasOwn(commands, wanted);
for (const name of standsAlone ? [wanted] : Object.keys(commands)) commands[name]?.();

program.parseAsync(argv()).catch(reportAndExit);

/** The peer of `kms-plugin` writes its flags in the style of Go, with one dash. */
function argv(): string[] {
  if (wanted !== 'kms-plugin') return process.argv;
  return (require('../cli/kms-plugin') as typeof import('../cli/kms-plugin')).withGoStyleFlags(process.argv);
}
