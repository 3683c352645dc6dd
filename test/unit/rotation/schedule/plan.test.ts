import type { Claim, ClaimCondition } from '../../../../runtime/rotation/schedule/claims';
import { Memory, noteFailure } from '../../../../runtime/rotation/schedule/memory';
import { type PlanSettings, plan } from '../../../../runtime/rotation/schedule/plan';
import { decide } from '../../../../runtime/rotation/schedule/precedence';
import { parseSchedule } from '../../../../runtime/rotation/schedule/schedule';
import { leaseName } from '../../../../runtime/rotation/schedule/start';
import type { Subject } from '../../../../runtime/rotation/schedule/subjects';

const hourMs = 3_600_000;
const at = (text: string) => new Date(text);

function subject(name: string, { conditions = [] as ClaimCondition[], schedule = '@daily', ...more } = {}): Subject {
  const claim: Claim = {
    ...{ namespace: 'shop', name, uid: name, createdAt: '2026-03-01T12:00:00Z', annotations: {}, storageClass: 'c' },
    pvName: `pv-${name}`,
    conditions,
  };
  const annotations = schedule === '' ? {} : { 'keyrotation.csiaddons.openshift.io/schedule': schedule };
  return {
    volume: { pvName: `pv-${name}`, volumeId: name, attributes: {} },
    claim,
    decision: decide({ claim: annotations, namespace: {}, storageClass: {} }, 'pvc'),
    isHeld: true,
    ...more,
  };
}

function condition(operation: 'Rotated' | 'Verified', status: string, lastProbeTime: string): ClaimCondition {
  return { type: `keyward.io/Key${operation}`, status, reason: 'Any', lastProbeTime };
}

const noVerification: PlanSettings = { staggerMs: 0, verifySchedule: undefined };

function due(subjects: readonly Subject[], now: string, memory = new Memory(), nowMs = 0, settings = noVerification) {
  const { ready, waiting } = plan(subjects, memory, settings, { now: at(now), nowMs });
  const names = (items: typeof ready) => items.map((item) => `${item.operation} ${item.subject.claim.name}`);
  return { ready: names(ready), waiting: names(waiting) };
}

test('the longest due comes first; what has no schedule does not come', () => {
  const since = (time: string) => [condition('Rotated', 'True', time)];
  const subjects = [
    subject('late', { conditions: since('2026-03-03T10:00:00Z') }),
    subject('latest', { conditions: since('2026-03-01T10:00:00Z') }),
    subject('done', { conditions: since('2026-03-04T10:00:00Z') }),
    subject('off', { conditions: since('2026-03-01T10:00:00Z'), schedule: '' }),
  ];
  expect(due(subjects, '2026-03-04T12:00:00Z')).toEqual({ ready: ['rotate latest', 'rotate late'], waiting: [] });
});

test('a claim that is new is not due at once, though it is old', () => {
  const memory = new Memory();
  expect(due([subject('new')], '2026-03-04T12:00:00Z', memory).ready).toEqual([]);
  expect(due([subject('new')], '2026-03-05T00:00:00Z', memory).ready).toEqual(['rotate new']);
});

test('what was rotated by hand is not rotated again', () => {
  const conditions = [condition('Rotated', 'True', '2026-03-03T10:00:00Z')];
  expect(due([subject('x', { conditions })], '2026-03-04T12:00:00Z').ready).toEqual(['rotate x']);
  const rotatedAt = '2026-03-04T11:00:00.000Z';
  expect(due([{ ...subject('x', { conditions }), rotatedAt }], '2026-03-04T12:00:00Z').ready).toEqual([]);
});

test('what failed is due until it is done, also for a process that knows nothing of it', () => {
  const conditions = [condition('Rotated', 'False', '2026-03-04T10:00:00Z')];
  expect(due([subject('x', { conditions })], '2026-03-04T10:01:00Z').ready).toEqual(['rotate x']);
  const rotatedAt = '2026-03-04T10:30:00Z';
  expect(due([{ ...subject('x', { conditions }), rotatedAt }], '2026-03-04T12:00:00Z').ready).toEqual([]);
});

test('what fails again and again is due since the first time', () => {
  const since = '2026-03-04T10:00:00Z';
  const lasting = (each: ClaimCondition) => ({ ...each, lastTransitionTime: since });
  const conditions = [
    lasting(condition('Rotated', 'False', '2026-03-05T10:00:00Z')),
    lasting(condition('Verified', 'Unknown', '2026-03-05T10:00:00Z')),
  ];
  const settings = { staggerMs: 0, verifySchedule: parseSchedule('@daily') };
  const time = { now: at('2026-03-06T12:00:00Z'), nowMs: 0 };
  const { ready } = plan([subject('x', { conditions })], new Memory(), settings, time);
  expect(ready.map(({ operation, dueAt }) => [operation, dueAt])).toEqual([
    ['rotate', at(since)],
    ['verify', at(since)],
  ]);
});

test('what failed waits for its next try, and a clock that is set does not change for how long', () => {
  const memory = new Memory();
  const failed = [subject('x', { conditions: [condition('Rotated', 'False', '2026-03-04T10:00:00Z')] })];
  noteFailure(memory.of('x', at('2026-03-04T10:00:00Z')), 'rotate', true, 0);
  expect(due(failed, '2026-03-04T10:00:30Z', memory, 30_000)).toEqual({ ready: [], waiting: ['rotate x'] });
  expect(due(failed, '2030-01-01T00:00:00Z', memory, 31_000).ready).toEqual([]);
  expect(due(failed, '2020-01-01T00:00:00Z', memory, 60_000).ready).toEqual(['rotate x']);
});

test('keys are proven by their own schedule, whether they are rotated or not, the first time since the claim was made', () => {
  const settings = { staggerMs: 0, verifySchedule: parseSchedule('@daily') };
  const look = (more: Subject) => due([more], '2026-03-04T12:00:00Z', new Memory(), 0, settings).ready;
  const off = subject('x', { schedule: '' });
  expect(look(off)).toEqual(['verify x']);
  expect(look({ ...off, verifiedAt: '2026-03-04T01:00:00Z' })).toEqual([]);
  const proven = condition('Verified', 'True', '2026-03-04T01:00:00Z');
  const failed = condition('Verified', 'False', '2026-03-04T01:00:00Z');
  expect(look(subject('x', { schedule: '', conditions: [proven] }))).toEqual([]);
  expect(look(subject('x', { schedule: '', conditions: [failed] }))).toEqual(['verify x']);
});

test('a memory forgets claims that are gone, and what it noted for a time that is yet to come', () => {
  const memory = new Memory();
  const first = memory.of('x', at('2026-03-04T10:00:00Z'));
  noteFailure(first, 'rotate', false, 0);
  expect(first.tries.get('rotate')).toEqual({ failures: 1, notBeforeMs: hourMs });
  const back = memory.of('x', at('2026-03-01T10:00:00Z'));
  expect([back.since, back.tries.size]).toEqual([at('2026-03-01T10:00:00Z'), 1]);
  memory.keep(new Set(['y']));
  expect(memory.of('x', at('2026-03-04T10:00:00Z')).tries.size).toBe(0);
});

test('the name of a Lease is one of Kubernetes, whatever the node is called', () => {
  expect(leaseName('csi.keyward.io')).toBe('csi.keyward.io-rotation');
  expect(leaseName('csi.keyward.io', 'node-1.example.com')).toBe('csi.keyward.io-rotation-node-1.example.com');
  expect(leaseName('csi.keyward.io', 'Node_1')).toMatch(/^csi\.keyward\.io-rotation-[0-9a-f]{32}$/);
  expect(leaseName('csi.keyward.io', 'Node_2')).not.toBe(leaseName('csi.keyward.io', 'Node_1'));
});
