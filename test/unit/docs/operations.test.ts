import { hostname } from 'node:os';
import { Command } from 'commander';
import { addCsiCommand } from '../../../runtime/cli/csi';
import { createMetrics } from '../../../runtime/driver/metrics';
import { scheduleMetrics } from '../../../runtime/rotation/schedule/metrics';
import { read, tableRows } from './markdown';

const operations = read('docs/operations.md');

test('docs/operations.md has every flag of keyward csi with its default, and no other', () => {
  const program = new Command();
  addCsiCommand(program, '0');
  const flags = program.commands[0]?.options.map(({ long, defaultValue }) => [
    long,
    defaultValue === hostname() ? 'name of the host' : `${defaultValue ?? ''}`,
  ]);
  expect(tableRows(operations, 'flag').map(([flag, value]) => [flag, value])).toEqual(flags);
});

test('docs/operations.md has every metric of our own with its type, and no other', async () => {
  const metrics = createMetrics();
  scheduleMetrics(metrics.registry);
  const text = await metrics.render();
  const own = [...text.matchAll(/^# TYPE (keyward_(?!process_|nodejs_)\w+) (\w+)$/gm)].map(([, name, type]) => [
    name,
    type,
  ]);
  expect(tableRows(operations, 'metric').map(([name, type]) => [name, type])).toEqual(own);
});

test('the codes that docs/operations.md speaks of are explained in docs/errors.md', () => {
  const known = tableRows(read('docs/errors.md'), 'code').map(([code]) => code);
  const named = [...operations.matchAll(/`((?:[A-Z]{3,}_)+[A-Z]+)`/g)]
    .map(([, code]) => code)
    .filter((code) => code !== 'CSI_ENDPOINT');
  expect(named.filter((code) => !known.includes(code))).toEqual([]);
});
