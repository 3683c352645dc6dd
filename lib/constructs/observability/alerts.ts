// The alerts: only on metrics that the runtime has, and each with what to do first. A test compares the names.

/** One alert as Prometheus has it. */
export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: 'critical' | 'warning' };
  readonly annotations: { readonly summary: string; readonly description: string };
}

/** Alerts on the driver. */
export const driverAlerts: readonly Alert[] = [
  {
    alert: 'KeywardDataAtRisk',
    expr: 'sum by (code) (increase(keyward_rpc_calls_total{code=~"DEVICE_LOST_DATA|LUKS_HEADER_.*|KMS_CIPHERTEXT_INVALID"}[15m])) > 0',
    labels: { severity: 'critical' },
    annotations: {
      summary: 'A volume is not what its record says ({{ $labels.code }}).',
      description: 'keyward refused to open it and changed nothing. Do not delete it: see docs/errors.md for the code.',
    },
  },
  {
    alert: 'KeywardKeyMissing',
    expr: 'sum(increase(keyward_rpc_calls_total{code="KMS_KEY_NOT_FOUND"}[15m])) > 0',
    labels: { severity: 'critical' },
    annotations: {
      summary: 'The KMS answers and has no key for a volume.',
      description: 'Restore the key from a backup of the KMS. Without it the volume cannot be read.',
    },
  },
  {
    alert: 'KeywardKmsFailing',
    expr: 'sum by (code) (rate(keyward_rpc_calls_total{code=~"KMS_(UNREACHABLE|SEALED|TIMEOUT|THROTTLED|QUEUE_FULL|TLS_UNTRUSTED|DENIED|ANSWER_INVALID)"}[5m])) > 0',
    for: '10m',
    labels: { severity: 'critical' },
    annotations: {
      summary: 'Calls fail at the KMS ({{ $labels.code }}).',
      description:
        'No pod with an encrypted volume starts. Running ones go on. Look at the KMS, its policy and its certificate.',
    },
  },
  {
    alert: 'KeywardCallsFailing',
    expr: 'sum by (rpc) (rate(keyward_rpc_calls_total{code!="OK"}[15m])) / sum by (rpc) (rate(keyward_rpc_calls_total[15m])) > 0.5',
    for: '30m',
    labels: { severity: 'warning' },
    annotations: {
      summary: 'Most calls of {{ $labels.rpc }} fail.',
      description: 'The label code of keyward_rpc_calls_total says why; docs/errors.md has a remedy for each.',
    },
  },
  {
    alert: 'KeywardKeySlow',
    expr: 'histogram_quantile(0.9, sum by (le) (rate(keyward_step_duration_seconds_bucket{step="key"}[15m]))) > 5',
    for: '15m',
    labels: { severity: 'warning' },
    annotations: {
      summary: 'The KMS takes seconds to give a key.',
      description: 'Pods start late. Look at the load of the KMS and at its quotas.',
    },
  },
];

const rotationCalls =
  'rpc=~"keyward.admin.v1.Admin/RotateKey|encryptionkeyrotation.EncryptionKeyRotationController/EncryptionKeyRotate"';
/** The key is not the one of the header, or is gone. An outage of the KMS says nothing of it: other alerts tell of that. */
const keyFaults = 'LUKS_.*|DEVICE_LOST_DATA|RECORD_INVALID|KMS_KEY_NOT_FOUND|KMS_CIPHERTEXT_INVALID';
/** Somebody else works on the volume; whoever asked asks again. */
const passing = 'OK|VOLUME_BUSY|DEVICE_BUSY|KMS_CONFLICT';

/** Alerts on the rotation of keys and on the proofs that they open their volumes. */
export const rotationAlerts: readonly Alert[] = [
  {
    alert: 'KeywardKeyVerificationFailed',
    expr: `sum by (code) (increase(keyward_rpc_calls_total{rpc="keyward.admin.v1.Admin/VerifyKey",code=~"${keyFaults}"}[1h])) > 0 or sum by (outcome) (increase(keyward_rotation_runs_total{operation="verify",outcome=~"${keyFaults}"}[1h])) > 0`,
    labels: { severity: 'critical' },
    annotations: {
      summary: 'A key does not open its volume ({{ $labels.code }}{{ $labels.outcome }}).',
      description:
        'keyward verify --all names the volume. While it is mounted its data can be copied; after an unstage it may not open.',
    },
  },
  {
    alert: 'KeywardKeyNotVerified',
    expr: 'max by (kms) (keyward_key_verified_age_seconds) > 15 * 86400',
    for: '1h',
    labels: { severity: 'warning' },
    annotations: {
      summary: 'A key of {{ $labels.kms }} was last proven to open its volume over fifteen days ago.',
      description: 'Turn on rotation of the driver, which verifies weekly, or run keyward verify --all on a schedule.',
    },
  },
  {
    alert: 'KeywardKeyRotationFailing',
    expr: `sum by (code) (increase(keyward_rpc_calls_total{${rotationCalls},code!~"${passing}"}[1d])) > 0 or sum by (outcome) (increase(keyward_rotation_runs_total{operation="rotate",outcome!~"${passing}|skipped"}[1d])) > 0`,
    labels: { severity: 'warning' },
    annotations: {
      summary: 'Keys are not rotated ({{ $labels.code }}{{ $labels.outcome }}).',
      description:
        'The volumes go on with their old key. docs/errors.md has a remedy for the code; the next run goes on where this one stopped.',
    },
  },
  {
    alert: 'KeywardKeyRotationOverdue',
    expr: 'max by (pod) (keyward_rotation_overdue_seconds) > 86400',
    for: '1h',
    labels: { severity: 'warning' },
    annotations: {
      summary: 'A rotation of {{ $labels.pod }} is due for over a day.',
      description: 'There are more volumes than the pod gets through: raise rotation.perMinute or rotation.parallel.',
    },
  },
  {
    alert: 'KeywardKeyRotationBlind',
    expr: 'time() - keyward_rotation_last_look_timestamp_seconds > 1800',
    for: '10m',
    labels: { severity: 'warning' },
    annotations: {
      summary: '{{ $labels.pod }} has not seen the schedules of the claims for half an hour.',
      description: 'Look at its log, at the API server, and at the ClusterRole of the driver.',
    },
  },
];

/** An alert on keys of a class that are older than the class allows. */
export function keyAgeAlert(className: string, maximumDays: number): Alert {
  return {
    alert: 'KeywardKeyTooOld',
    expr: `max by (class, kms) (keyward_key_age_seconds{class="${className}"}) > ${maximumDays} * 86400`,
    for: '1h',
    labels: { severity: 'warning' },
    annotations: {
      summary: `A key of the class ${className} is older than ${maximumDays} days.`,
      description: `keyward rotate --class ${className} --older-than ${maximumDays}d rotates it.`,
    },
  };
}

/** Alerts on the KMS plugin of the API server. */
export const kmsPluginAlerts: readonly Alert[] = [
  {
    alert: 'KeywardKmsPluginUnhealthy',
    expr: 'keyward_kms_healthy == 0',
    for: '2m',
    labels: { severity: 'critical' },
    annotations: {
      summary: 'The KMS plugin on {{ $labels.instance }} tells the API server that it is not healthy.',
      description: 'Secrets can be neither written nor, after a restart, read. keyward doctor names the failing link.',
    },
  },
  {
    alert: 'KeywardKmsPluginStale',
    expr: 'time() - keyward_kms_last_good_timestamp_seconds > 600',
    for: '5m',
    labels: { severity: 'warning' },
    annotations: {
      summary: 'The key was last proved to work over ten minutes ago on {{ $labels.instance }}.',
      description: 'Vault does not answer, or the policy changed. Repair it before the API server restarts.',
    },
  },
  {
    alert: 'KeywardKmsTokenEnding',
    expr: 'keyward_kms_token_remaining_seconds < 300',
    for: '5m',
    labels: { severity: 'warning' },
    annotations: {
      summary: 'The Vault token on {{ $labels.instance }} ends within five minutes and is not renewed.',
      description: 'Look at the life of the token and of the secret id that the plugin logs in with.',
    },
  },
  {
    alert: 'KeywardKmsKeyVersionsDiffer',
    expr: 'max(keyward_kms_key_version) - min(keyward_kms_key_version) > 0',
    for: '30m',
    labels: { severity: 'warning' },
    annotations: {
      summary: 'The API servers encrypt with different versions of the key.',
      description:
        'A rotation is not carried to the end: do not migrate storage, and do not raise min_decryption_version.',
    },
  },
];
