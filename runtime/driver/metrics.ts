/** Prometheus metrics of the driver. Labels are closed sets: never an id, a path or a name of a tenant. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { KeyAges } from '../rotation/key-ages';
import { type StepDone, stepChannel } from '../volume/steps';

export interface DriverMetrics {
  /** For parts that have metrics of their own. */
  readonly registry: Registry;
  readonly contentType: string;
  render(): Promise<string>;
  observeCall(rpc: string, code: string, durationMs: number): void;
}

const buckets = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 150];

/** @param keyAges Asked at each scrape. */
export function createMetrics(keyAges: () => Promise<readonly KeyAges[]> = async () => []): DriverMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'keyward_' });
  const calls = new Counter({
    name: 'keyward_rpc_calls_total',
    help: 'gRPC calls by method and result code (OK or an error code of docs/errors.md).',
    labelNames: ['rpc', 'code'],
    registers: [registry],
  });
  const callSeconds = new Histogram({
    name: 'keyward_rpc_duration_seconds',
    help: 'Duration of gRPC calls by method.',
    labelNames: ['rpc'],
    buckets,
    registers: [registry],
  });
  const stepSeconds = new Histogram({
    name: 'keyward_step_duration_seconds',
    help: 'Duration of the steps of volume operations.',
    labelNames: ['operation', 'step'],
    buckets,
    registers: [registry],
  });
  const rotated = new Gauge({
    name: 'keyward_key_age_seconds',
    help: 'Since the rotation of the passphrase that is longest ago, of the volumes staged here, by KMS and class.',
    labelNames: ['kms', 'class'],
    registers: [registry],
  });
  const verified = new Gauge({
    name: 'keyward_key_verified_age_seconds',
    help: 'Since the proof that a key opens its volume that is longest ago, of the volumes staged here, by KMS and class.',
    labelNames: ['kms', 'class'],
    registers: [registry],
  });
  const readAges = async () => {
    for (const gauge of [rotated, verified]) gauge.reset();
    for (const { kmsId: kms, className, rotatedSeconds, verifiedSeconds } of await keyAges()) {
      rotated.set({ kms, class: className }, rotatedSeconds);
      verified.set({ kms, class: className }, verifiedSeconds);
    }
  };
  stepChannel.subscribe((message) => {
    const { operation, step, durationMs } = message as StepDone;
    stepSeconds.observe({ operation, step }, durationMs / 1000);
  });
  return {
    registry,
    contentType: registry.contentType,
    render: async () => {
      await readAges();
      return registry.metrics();
    },
    observeCall: (rpc, code, durationMs) => {
      calls.inc({ rpc, code });
      callSeconds.observe({ rpc }, durationMs / 1000);
    },
  };
}
