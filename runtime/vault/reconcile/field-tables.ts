/** What is kept of each kind of object. The defaults are those of Vault and OpenBao. */
import type { Field, FieldForm, FieldValue } from './field';

const field = (name: string, form: FieldForm, unset: FieldValue | undefined): Field => ({ name, form, unset });

/** What anybody may have set on a role beside the state, and what would widen it: kept at what it is when unset. */
const tokenLife: readonly Field[] = [
  field('token_policies', 'policies', []),
  field('token_ttl', 'seconds', 0),
  field('token_max_ttl', 'seconds', 0),
  field('token_explicit_max_ttl', 'seconds', 0),
  field('token_period', 'seconds', 0),
  field('token_type', 'text', 'default'),
  field('token_bound_cidrs', 'cidrs', []),
  field('token_num_uses', 'number', 0),
  field('token_no_default_policy', 'switch', false),
];

export const mountFields: readonly Field[] = [field('description', 'text', '')];

export const kvConfigFields: readonly Field[] = [
  field('max_versions', 'number', 0),
  field('cas_required', 'switch', false),
  field('delete_version_after', 'seconds', 0),
];

export const transitKeyFields: readonly Field[] = [
  field('auto_rotate_period', 'seconds', 0),
  field('deletion_allowed', 'switch', false),
  // Operators and re-encryptions raise these; a state that is silent does not put them back.
  field('min_decryption_version', 'number', undefined),
  field('min_encryption_version', 'number', undefined),
];

export const policyFields: readonly Field[] = [field('policy', 'lines', undefined)];

/** A write replaces all of it, so nothing that is not here outlives one. */
export const kubernetesConfigFields: readonly Field[] = [
  field('kubernetes_host', 'text', undefined),
  field('kubernetes_ca_cert', 'pem', ''),
  field('disable_local_ca_jwt', 'switch', false),
  field('issuer', 'text', ''),
  field('disable_iss_validation', 'switch', true),
];

export const jwtConfigFields: readonly Field[] = [
  field('jwt_validation_pubkeys', 'pems', []),
  field('jwks_url', 'text', ''),
  field('jwks_ca_pem', 'pem', ''),
  field('oidc_discovery_url', 'text', ''),
  field('oidc_discovery_ca_pem', 'pem', ''),
  field('bound_issuer', 'text', ''),
];

export const roleFields = {
  kubernetes: [
    field('bound_service_account_names', 'set', undefined),
    field('bound_service_account_namespaces', 'set', undefined),
    field('bound_service_account_namespace_selector', 'text', ''),
    field('audience', 'text', ''),
    field('alias_name_source', 'text', 'serviceaccount_uid'),
    ...tokenLife,
  ],
  approle: [
    field('bind_secret_id', 'switch', true),
    field('secret_id_ttl', 'seconds', 0),
    field('secret_id_num_uses', 'number', 0),
    field('secret_id_bound_cidrs', 'cidrs', []),
    ...tokenLife,
  ],
  token: [
    field('allowed_policies', 'policies', []),
    field('disallowed_policies', 'policies', []),
    field('allowed_policies_glob', 'policies', []),
    field('disallowed_policies_glob', 'policies', []),
    field('allowed_entity_aliases', 'set', []),
    field('orphan', 'switch', false),
    field('renewable', 'switch', true),
    field('token_period', 'seconds', 0),
    field('token_explicit_max_ttl', 'seconds', 0),
    field('token_bound_cidrs', 'cidrs', []),
    field('token_no_default_policy', 'switch', false),
    field('token_type', 'text', 'default-service'),
  ],
  cert: [
    field('certificate', 'pem', undefined),
    field('allowed_names', 'set', []),
    field('allowed_common_names', 'set', []),
    field('allowed_dns_sans', 'set', []),
    field('allowed_uri_sans', 'set', []),
    field('allowed_email_sans', 'set', []),
    field('allowed_organizational_units', 'set', []),
    ...tokenLife,
  ],
  jwt: [
    field('role_type', 'text', 'oidc'),
    field('user_claim', 'text', undefined),
    field('bound_audiences', 'set', []),
    field('bound_subject', 'text', ''),
    field('bound_claims', 'map', {}),
    field('bound_claims_type', 'text', 'string'),
    field('claim_mappings', 'map', {}),
    ...tokenLife,
  ],
} as const satisfies Record<string, readonly Field[]>;

export const quotaFields: readonly Field[] = [
  field('path', 'path', ''),
  field('rate', 'number', undefined),
  field('interval', 'seconds', 1),
  field('block_interval', 'seconds', 0),
];

export const auditFields: readonly Field[] = [field('description', 'text', ''), field('options', 'map', {})];
