export { type KeywardPolicyOptions, keywardPolicies } from './components/policy-pack';
