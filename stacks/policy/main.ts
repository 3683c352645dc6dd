// `pulumi preview --policy-pack stacks/policy` starts this: the rules look at every resource of the stack.
import { PolicyPack } from '@pulumi/policy';
import { keywardPolicies } from '../../lib/policy';

new PolicyPack('keyward', { policies: keywardPolicies() });
