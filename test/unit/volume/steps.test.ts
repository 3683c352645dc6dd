import { silentLog } from '../../../runtime/log';
import { runSteps, type StepDone, step, stepChannel } from '../../../runtime/volume/steps';

let published: StepDone[];
const keep = (message: unknown) => void published.push(message as StepDone);
beforeEach(() => {
  published = [];
  stepChannel.subscribe(keep);
});
afterEach(() => stepChannel.unsubscribe(keep));

const context = { operation: 'stage', volumeId: 'v', log: silentLog };

test('runs the steps in order and tells of each when it is done', async () => {
  const ran: string[] = [];
  const told = (name: string) =>
    step(name, async () => void ran.push(`${name} after ${published.map((each) => each.step).join()}`));
  await runSteps([told('a'), told('b'), told('c')], context);
  expect(ran).toEqual(['a after ', 'b after a', 'c after a,b']);
  expect(published).toEqual(
    ['a', 'b', 'c'].map((name) => ({ operation: 'stage', step: name, volumeId: 'v', durationMs: expect.any(Number) })),
  );
});

test('ends at the first error and does not tell of that step', async () => {
  const last = jest.fn();
  const steps = [
    step('a', async () => undefined),
    step('b', () => Promise.reject(new Error('broken'))),
    step('c', last),
  ];
  await expect(runSteps(steps, context)).rejects.toThrow('broken');
  expect(published.map((each) => each.step)).toEqual(['a']);
  expect(last).not.toHaveBeenCalled();
});

test('a cancelled call ends between two steps, never inside one', async () => {
  const controller = new AbortController();
  const steps = [step('a', async () => controller.abort()), step('b', async () => undefined)];
  await expect(runSteps(steps, { ...context, signal: controller.signal })).toRejectWithCode('ABORTED');
  expect(published.map((each) => each.step)).toEqual(['a']);
});
