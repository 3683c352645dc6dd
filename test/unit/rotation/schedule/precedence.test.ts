/** R2: who decides, as facts of CSI-Addons have it. */
import fc from 'fast-check';
import { csiAddonsAnnotations as names } from '../../../../lib/schema/rotation-annotations';
import { type Annotations, decide } from '../../../../runtime/rotation/schedule/precedence';

const on = (schedule: string): Annotations => ({ [names.schedule]: schedule });
const off: Annotations = { [names.enable]: 'false' };
const nothing: Annotations = {};

/** `claim: @daily`, or why not. */
function told(of: readonly [Annotations, Annotations, Annotations], precedence: 'pvc' | 'storageclass'): string {
  const [claim, namespace, storageClass] = of;
  const decision = decide({ claim, namespace, storageClass }, precedence);
  if (decision.state === 'off') return decision.reason;
  const { unreadable } = decision;
  return `${decision.from}: ${decision.schedule.text}${unreadable === undefined ? '' : ` for ${unreadable}`}`;
}

const noSchedule = 'neither claim, namespace nor class has a schedule';
const unmanaged = `the claim has ${names.state}: unmanaged`;

test.each([
  [[on('@hourly'), on('@daily'), on('@monthly')], 'claim: @hourly', 'class: @monthly'],
  [[nothing, on('@daily'), on('@monthly')], 'namespace: @daily', 'class: @monthly'],
  [[nothing, nothing, on('@monthly')], 'class: @monthly', 'class: @monthly'],
  [[nothing, nothing, nothing], noSchedule, 'the class has no schedule'],
  [[on('@hourly'), nothing, nothing], 'claim: @hourly', 'the class has no schedule'],
  // One that exists and is empty, or cannot be read, is found first all the same.
  [[on(''), on('@daily'), nothing], 'claim: @weekly for ', 'the class has no schedule'],
  [[on('soon'), on('@daily'), on('@monthly')], 'claim: @weekly for soon', 'class: @monthly'],
  [[nothing, nothing, on('')], 'class: @weekly for ', 'the class has no schedule'],
  [[nothing, nothing, on('soon')], 'class: @weekly for soon', 'the schedule of the class cannot be read'],
  [
    [{ ...on('@hourly'), ...off }, nothing, nothing],
    `the claim has ${names.enable}: false`,
    'the class has no schedule',
  ],
  [[on('@hourly'), off, on('@monthly')], `the namespace has ${names.enable}: false`, 'class: @monthly'],
  [[on('@hourly'), nothing, off], `the class has ${names.enable}: false`, `the class has ${names.enable}: false`],
  // "true" switches nothing on that is off elsewhere.
  [
    [{ ...on('@hourly'), [names.enable]: 'true' }, off, nothing],
    `the namespace has ${names.enable}: false`,
    'the class has no schedule',
  ],
  [[{ ...on('@hourly'), [names.enable]: 'no' }, nothing, nothing], 'claim: @hourly', 'the class has no schedule'],
  [[{ ...on('@hourly'), [names.state]: 'managed' }, nothing, nothing], 'claim: @hourly', 'the class has no schedule'],
  [[{ ...on('@hourly'), [names.state]: 'unmanaged' }, nothing, on('@daily')], unmanaged, unmanaged],
  [
    [nothing, { [names.state]: 'unmanaged', ...on('@daily') }, nothing],
    'namespace: @daily',
    'the class has no schedule',
  ],
] as const)('claim, namespace, class %j: pvc %j, storageclass %j', (of, pvc, storageclass) => {
  expect([told(of, 'pvc'), told(of, 'storageclass')]).toEqual([pvc, storageclass]);
});

const annotations = fc.record(
  {
    [names.schedule]: fc.constantFrom('@daily', '@weekly', '', 'soon'),
    [names.enable]: fc.constantFrom('true', 'false', ''),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<Annotations>;

test('with storageclass nothing that stands on claim or namespace changes the outcome', () => {
  fc.assert(
    fc.property(annotations, annotations, annotations, (claim, namespace, storageClass) => {
      expect(told([claim, namespace, storageClass], 'storageclass')).toBe(
        told([nothing, nothing, storageClass], 'storageclass'),
      );
    }),
  );
});

test('with pvc a "false" at any of the three is off, and else the first schedule is the one', () => {
  fc.assert(
    fc.property(annotations, annotations, annotations, (...three) => {
      const [claim, namespace, storageClass] = three;
      const decision = decide({ claim, namespace, storageClass }, 'pvc');
      const isOff = three.some((each) => each[names.enable] === 'false');
      const first = three.find((each) => each[names.schedule] !== undefined);
      expect(decision.state).toBe(isOff || !first ? 'off' : 'scheduled');
    }),
  );
});
