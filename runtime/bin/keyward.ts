#!/usr/bin/env node
/** The one executable. Exit codes: 0 done, 1 failed, 2 the command line is wrong. */
import { Command } from 'commander';
import { addCompletionCommand } from '../cli/completion';
import { addCsiCommand } from '../cli/csi';
import { addInspectCommand } from '../cli/inspect';
import { addKeysCommand } from '../cli/keys';
import { addKmsCommand } from '../cli/kms';
import { addKmsPluginCommand, withGoStyleFlags } from '../cli/kms-plugin';
import { reportAndExit } from '../cli/report';
import { addTenantAgentCommand } from '../cli/tenant-agent';

/** Put in by the bundler from package.json. */
declare const KEYWARD_VERSION: string;
const version = typeof KEYWARD_VERSION === 'string' ? KEYWARD_VERSION : '0.0.0-source';

const program = new Command('keyward')
  .description('Encrypted storage on Kubernetes: LUKS2 per volume, keys in a KMS')
  .version(version)
  .showHelpAfterError()
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
addCsiCommand(program, version);
addTenantAgentCommand(program, version);
addInspectCommand(program);
addKmsPluginCommand(program, version);
addKeysCommand(program);
addKmsCommand(program);
addCompletionCommand(program);

program.parseAsync(withGoStyleFlags(process.argv)).catch(reportAndExit);
