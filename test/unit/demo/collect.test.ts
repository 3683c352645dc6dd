import pc from 'picocolors';
import { closingTable } from '../../../demo/closing-table';
import { Collector } from '../../../demo/collect';
import { proofNames, steps } from '../../../demo/protocol';

function collectAll(skip?: string): Collector {
  const collector = new Collector('native');
  collector.add({ type: 'environment', kernel: 'Linux 6.1', versions: { cryptsetup: '2.6' } });
  for (const { name } of steps)
    if (name !== skip) collector.add({ type: 'ended', step: name, ok: true, ms: 1, detail: '' });
  for (const name of proofNames)
    if (name !== skip) collector.add({ type: 'proof', proof: name, ok: true, observed: 'seen' });
  return collector;
}

test('a result is ok when every step is done and every proof holds', () => {
  expect(collectAll().result()).toMatchObject({ ok: true, mode: 'native', kernel: 'Linux 6.1' });
});

test.each([['stop'], ['keysGone']])('a result is not ok when %s was not reached', (skip) => {
  expect(collectAll(skip).result().ok).toBe(false);
});

test('a proof that was not reached is false, not absent', () => {
  expect(collectAll('keysGone').result().proofs).toHaveProperty('keysGone', false);
});

test('the first failure is the one that is told', () => {
  const collector = collectAll();
  collector.add({ type: 'failed', message: 'first' });
  collector.add({ type: 'failed', message: 'second' });
  expect(collector.result('third')).toMatchObject({ ok: false, error: 'first' });
});

test('the closing table names every proof and wraps long observations', () => {
  const collector = collectAll();
  collector.add({ type: 'proof', proof: 'keysGone', ok: false, observed: 'word '.repeat(60).trim() });
  const table = closingTable(collector.result(), pc.createColors(false), 90);
  expect(table.split('\n').every((line) => line.length <= 90)).toBe(true);
  expect(table).toContain('✗ Deleting removes the keys');
  expect(table).toContain(`${proofNames.length - 1} of ${proofNames.length} proofs hold`);
});
