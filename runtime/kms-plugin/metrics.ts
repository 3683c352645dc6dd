/** Prometheus metrics of the plugin. Labels are closed sets; a key id or a path is never one. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { ObservedRequest } from './vault-link';

/** What is read when somebody asks, instead of being counted. */
export interface Gauges {
  /** Whether Status tells `ok`. */
  healthy(): boolean;
  /** Of the transit key that is in use; 0 while it is unknown. */
  keyVersion(): number;
  /** Of the last good proof of the key, in seconds since 1970; 0 before the first. */
  lastGoodSeconds(): number;
  /** Life that the token has left; undefined without a token or without an end. */
  tokenSecondsLeft(): number | undefined;
  waiting(operation: 'encrypt' | 'decrypt'): number;
  localKekUses(): number | undefined;
}

export interface PluginMetrics {
  readonly registry: Registry;
  observeCall(rpc: string, code: string, durationMs: number): void;
  observeRequest(request: ObservedRequest): void;
  observeBatch(operation: 'encrypt' | 'decrypt', items: number): void;
  countToken(how: 'login' | 'renewal'): void;
  countKeyId(): void;
}

const buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const operations = ['encrypt', 'decrypt'] as const;

export function createPluginMetrics(gauges: Gauges): PluginMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry, prefix: 'keyward_' });
  const callSeconds = new Histogram({
    name: 'keyward_kms_call_duration_seconds',
    help: 'KMS calls by method and result code (OK or an error code of docs/errors.md).',
    labelNames: ['rpc', 'code'],
    buckets,
    registers,
  });
  const requestSeconds = new Histogram({
    name: 'keyward_kms_vault_request_duration_seconds',
    help: 'Requests to Vault by what they ask and by result code.',
    labelNames: ['operation', 'code'],
    buckets,
    registers,
  });
  const batchItems = new Histogram({
    name: 'keyward_kms_batch_items',
    help: 'Calls in one request to Vault.',
    labelNames: ['operation'],
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
    registers,
  });
  const tokens = new Counter({
    name: 'keyward_kms_tokens_obtained_total',
    help: 'Tokens of Vault by how they were obtained: login or renewal.',
    labelNames: ['how'],
    registers,
  });
  const keyIds = new Counter({
    name: 'keyward_kms_key_id_changes_total',
    help: 'Key ids that were announced, the first one included.',
    registers,
  });
  gaugesIn(registry, gauges);
  return {
    registry,
    observeCall: (rpc, code, durationMs) => callSeconds.observe({ rpc, code }, durationMs / 1_000),
    observeRequest: ({ path, code, durationMs }) =>
      requestSeconds.observe({ operation: operationOf(path), code }, durationMs / 1_000),
    observeBatch: (operation, items) => batchItems.observe({ operation }, items),
    countToken: (how) => tokens.inc({ how }),
    countKeyId: () => keyIds.inc(),
  };
}

function gaugesIn(registry: Registry, gauges: Gauges): void {
  const gauge = (name: string, help: string, read: () => number | undefined) => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        const value = read();
        if (value === undefined) this.reset();
        else this.set(value);
      },
    });
  };
  gauge('keyward_kms_healthy', '1 when Status tells ok.', () => Number(gauges.healthy()));
  gauge('keyward_kms_key_version', 'Version of the transit key in use; 0: unknown.', gauges.keyVersion);
  gauge(
    'keyward_kms_last_good_timestamp_seconds',
    'When the key was last proved to work; 0: never.',
    gauges.lastGoodSeconds,
  );
  gauge('keyward_kms_token_remaining_seconds', 'Life that the token of Vault has left.', gauges.tokenSecondsLeft);
  gauge('keyward_kms_local_kek_uses', 'Encryptions with the local KEK in use.', gauges.localKekUses);
  new Gauge({
    name: 'keyward_kms_waiting_calls',
    help: 'Calls that wait for a request to Vault.',
    labelNames: ['operation'],
    registers: [registry],
    collect() {
      for (const operation of operations) this.set({ operation }, gauges.waiting(operation));
    },
  });
}

/** What a path of Vault is about, as one of few words. */
function operationOf(path: string): string {
  const word = path.split('/').find((segment) => ['encrypt', 'decrypt', 'keys'].includes(segment));
  return word ?? 'other';
}
