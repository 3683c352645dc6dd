/** Metrics of the scheduler. Labels are closed sets. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Operation } from './report';

/** `node`: what this node holds. `cluster`: what no node holds, for which one is elected. */
export type Scope = 'node' | 'cluster';

export interface ScheduleMetrics {
  /** @param outcome `OK`, `skipped`, or a code of docs/errors.md. */
  observeRun(operation: Operation, outcome: string): void;
  setLeads(scope: Scope, leads: boolean): void;
  setClaims(scope: Scope, counts: Readonly<Record<'scheduled' | 'off', number>>): void;
  /** @param seconds How long the run waits that is due the longest; 0: none. */
  setOverdue(scope: Scope, seconds: number): void;
  setLooked(scope: Scope, at: Date): void;
}

export function scheduleMetrics(registry: Registry): ScheduleMetrics {
  const registers = [registry];
  const runs = new Counter({
    name: 'keyward_rotation_runs_total',
    help: 'Runs of the schedule by operation and outcome (OK, skipped, or an error code of docs/errors.md).',
    labelNames: ['operation', 'outcome'],
    registers,
  });
  const leads = new Gauge({
    name: 'keyward_rotation_leader',
    help: 'Whether this process has the lease: of what its node holds, or of what no node holds.',
    labelNames: ['scope'],
    registers,
  });
  const claims = new Gauge({
    name: 'keyward_rotation_claims',
    help: 'Claims that this process looks after, by whether they have a schedule.',
    labelNames: ['scope', 'state'],
    registers,
  });
  const overdue = new Gauge({
    name: 'keyward_rotation_overdue_seconds',
    help: 'For how long the run waits that is due the longest; 0 when none is.',
    labelNames: ['scope'],
    registers,
  });
  const looked = new Gauge({
    name: 'keyward_rotation_last_look_timestamp_seconds',
    help: 'When the claims were last read.',
    labelNames: ['scope'],
    registers,
  });
  return {
    observeRun: (operation, outcome) => runs.inc({ operation, outcome }),
    setLeads: (scope, value) => {
      leads.set({ scope }, value ? 1 : 0);
      // What another looks after now is no longer this process's to tell.
      if (!value) for (const gauge of [overdue, looked]) gauge.remove({ scope });
      if (!value) for (const state of ['scheduled', 'off']) claims.remove({ scope, state });
    },
    setClaims: (scope, counts) => {
      for (const [state, count] of Object.entries(counts)) claims.set({ scope, state }, count);
    },
    setOverdue: (scope, seconds) => overdue.set({ scope }, seconds),
    setLooked: (scope, at) => looked.set({ scope }, at.getTime() / 1000),
  };
}
