/** The metrics of vault-kubernetes-kms by its names, so that its dashboards and alerts go on working. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { ObservedRequest } from './vault-link';

export interface PeerMetrics {
  observeCall(rpc: string, code: string, durationMs: number): void;
  observeRequest(request: ObservedRequest): void;
  countToken(how: 'login' | 'renewal'): void;
}

const prefix = 'vault_kubernetes_kms_';

export function addPeerMetrics(registry: Registry, tokenSecondsLeft: () => number | undefined): PeerMetrics {
  const registers = [registry];
  const seconds = (operation: string) =>
    new Histogram({
      name: `${prefix}${operation}_operation_duration_seconds`,
      help: `duration of ${operation} operations`,
      registers,
    });
  const errors = (operation: string) =>
    new Counter({
      name: `${prefix}${operation}_operation_errors_total`,
      help: `total number of errors during ${operation} operations`,
      registers,
    });
  const requests = new Histogram({
    name: `${prefix}vault_requests_duration_seconds`,
    help: 'duration of requests to Vault',
    labelNames: ['method', 'path', 'status'],
    registers,
  });
  const renewals = new Counter({ name: `${prefix}token_renewals_total`, help: 'total number of renewals', registers });
  new Gauge({
    name: `${prefix}token_expiry_seconds`,
    help: 'time until the token expires in seconds',
    registers,
    collect() {
      this.set(tokenSecondsLeft() ?? 0);
    },
  });
  const ofRpc = new Map([
    ['Encrypt', { seconds: seconds('encryption'), errors: errors('encryption') }],
    ['Decrypt', { seconds: seconds('decryption'), errors: errors('decryption') }],
  ]);
  return {
    observeCall: (rpc, code, durationMs) => {
      const metrics = ofRpc.get(rpc.slice(rpc.lastIndexOf('/') + 1));
      metrics?.seconds.observe(durationMs / 1_000);
      if (code !== 'OK') metrics?.errors.inc();
    },
    observeRequest: ({ method, path, status, durationMs }) =>
      // The path is that of the configured key: a closed set.
      requests.observe({ method, path: `/v1/${path}`, status: String(status ?? 0) }, durationMs / 1_000),
    countToken: (how) => {
      if (how === 'renewal') renewals.inc();
    },
  };
}
