// The panels of the dashboard: only metrics that the runtime has. A test compares the names.

/** One panel with one query. */
export interface DashboardPanel {
  readonly title: string;
  readonly expr: string;
  readonly legend: string;
  readonly unit: 's' | 'reqps' | 'short' | 'bytes' | 'percentunit';
}

/** In reading order, two a row. */
export const dashboardPanels: readonly DashboardPanel[] = [
  {
    title: 'Calls',
    expr: 'sum by (rpc) (rate(keyward_rpc_calls_total[5m]))',
    legend: '{{rpc}}',
    unit: 'reqps',
  },
  {
    title: 'Calls that failed, by code',
    expr: 'sum by (code) (rate(keyward_rpc_calls_total{code!="OK"}[5m]))',
    legend: '{{code}}',
    unit: 'reqps',
  },
  {
    title: 'Duration of calls, 90th percentile',
    expr: 'histogram_quantile(0.9, sum by (le, rpc) (rate(keyward_rpc_duration_seconds_bucket[5m])))',
    legend: '{{rpc}}',
    unit: 's',
  },
  {
    title: 'Where the time goes, by step',
    expr: 'sum by (operation, step) (rate(keyward_step_duration_seconds_sum[5m]))',
    legend: '{{operation}} / {{step}}',
    unit: 's',
  },
  {
    title: 'Oldest key, by class',
    expr: 'max by (class, kms) (keyward_key_age_seconds)',
    legend: '{{class}} {{kms}}',
    unit: 's',
  },
  {
    title: 'Key that was not proven for longest, by class',
    expr: 'max by (class, kms) (keyward_key_verified_age_seconds)',
    legend: '{{class}} {{kms}}',
    unit: 's',
  },
  {
    title: 'Rotations and proofs on schedule, in a day',
    expr: 'sum by (operation, outcome) (increase(keyward_rotation_runs_total[1d]))',
    legend: '{{operation}} {{outcome}}',
    unit: 'short',
  },
  {
    title: 'Rotation that is due for longest',
    expr: 'max by (pod) (keyward_rotation_overdue_seconds)',
    legend: '{{pod}}',
    unit: 's',
  },
  {
    title: 'KMS plugin: calls, 99th percentile',
    expr: 'histogram_quantile(0.99, sum by (le, rpc) (rate(keyward_kms_call_duration_seconds_bucket[5m])))',
    legend: '{{rpc}}',
    unit: 's',
  },
  {
    title: 'KMS plugin: requests to Vault',
    expr: 'sum by (operation, code) (rate(keyward_kms_vault_request_duration_seconds_count[5m]))',
    legend: '{{operation}} {{code}}',
    unit: 'reqps',
  },
  {
    title: 'KMS plugin: calls in one request to Vault',
    expr: 'sum by (operation) (rate(keyward_kms_batch_items_sum[5m])) / sum by (operation) (rate(keyward_kms_batch_items_count[5m]))',
    legend: '{{operation}}',
    unit: 'short',
  },
  {
    title: 'KMS plugin: calls that wait',
    expr: 'sum by (operation) (keyward_kms_waiting_calls)',
    legend: '{{operation}}',
    unit: 'short',
  },
  {
    title: 'KMS plugin: healthy',
    expr: 'keyward_kms_healthy',
    legend: '{{instance}}',
    unit: 'short',
  },
  {
    title: 'KMS plugin: life of the token',
    expr: 'keyward_kms_token_remaining_seconds',
    legend: '{{instance}}',
    unit: 's',
  },
  {
    title: 'KMS plugin: version of the key',
    expr: 'keyward_kms_key_version',
    legend: '{{instance}}',
    unit: 'short',
  },
  {
    title: 'Memory',
    expr: 'keyward_process_resident_memory_bytes',
    legend: '{{pod}}',
    unit: 'bytes',
  },
];
