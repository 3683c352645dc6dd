// `pulumi preview --policy-pack stacks/policy` starts this: the rules look at every resource of the stack.
import { PolicyPack } from '@pulumi/policy';
import { parseAllDocuments } from 'yaml';
import { keywardPolicies } from '../../lib/policy';

/** For EncryptionConfigurations and the like that stand as text in a Secret. */
const readYaml = (text: string) =>
  parseAllDocuments(text, { logLevel: 'silent' }).map((document): unknown => document.toJS());

new PolicyPack('keyward', { policies: keywardPolicies({ readYaml }) });
