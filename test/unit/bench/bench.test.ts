import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { readCommandLine } from '../../../bench/command-line';
import { goalLines, jsonLine, ratesTable, samplesTable } from '../../../bench/report';
import { median, spread } from '../../../bench/statistics';

const root = join(__dirname, '../../..');
const names = ['luks', 'start'];

describe('the command line', () => {
  test('names a benchmark and how often to measure', () => {
    const expected = { name: 'luks', rounds: 7, isJson: true, isHelp: false };
    expect(readCommandLine(['luks', '--rounds', '7', '--output', 'json'], names)).toEqual(expected);
    expect(readCommandLine(['start'], names)).toEqual({
      name: 'start',
      rounds: undefined,
      isJson: false,
      isHelp: false,
    });
    expect(readCommandLine(['--help'], names).isHelp).toBe(true);
  });

  test('takes a device of the user for the benchmark of I/O alone, and only when its loss is agreed to', () => {
    const benches = [...names, 'io'];
    expect(readCommandLine(['io', '--device', '/dev/sdz', '--yes'], benches).device).toBe('/dev/sdz');
    expect(readCommandLine(['io'], benches).device).toBeUndefined();
    for (const [argv, text] of [
      [['io', '--device', '/dev/sdz'], /lost.*--yes/],
      [['luks', '--device', '/dev/sdz', '--yes'], /only io/],
    ] as const) {
      const error = { name: 'TypeError', message: expect.stringMatching(text) };
      expect(() => readCommandLine(argv, benches)).toThrow(expect.objectContaining(error));
    }
  });

  test.each([
    ['no benchmark', [], /luks or start/],
    ['an unknown benchmark', ['lux'], /luks or start, not lux/],
    ['two benchmarks', ['luks', 'start'], /luks start/],
    ['an unknown flag', ['luks', '--round', '1'], /--round/],
    ['rounds that are no number', ['luks', '--rounds', 'x'], /1 to 1000/],
    ['no rounds at all', ['luks', '--rounds', '0'], /1 to 1000/],
    ['an unknown format', ['luks', '--output', 'xml'], /text or json/],
  ] as const)('rejects %s', (_, argv, text) => {
    // By name: parseArgs throws the TypeError of another realm than Jest's.
    const error = { name: 'TypeError', message: expect.stringMatching(text) };
    expect(() => readCommandLine(argv, names)).toThrow(expect.objectContaining(error));
  });

  test('ends with 0 for help and with 2 for wrong usage, naming the benchmarks', () => {
    const bench = (...args: string[]) =>
      spawnSync('npx', ['tsx', 'bench/main.ts', ...args], { cwd: root, encoding: 'utf8' });
    const help = bench('--help');
    expect(help.status).toBe(0);
    for (const name of names) expect(help.stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
    const wrong = bench('lux');
    expect(wrong.status).toBe(2);
    expect(wrong.stderr).toMatch(/luks or rotate/);
    expect(wrong.stdout).toBe('');
  });
});

describe('the result', () => {
  const result = { bench: 'x', ratios: { ours_vs_theirs: 1 / 3 }, figures: { ours_seconds: 0.123456, rss_mib: 78 } };

  test('is one line of JSON with name, ratios and figures', () => {
    const line = jsonLine(result);
    expect(line).not.toContain('\n');
    expect(JSON.parse(line)).toEqual({
      bench: 'x',
      ratios: { ours_vs_theirs: 0.3333 },
      figures: { ours_seconds: 0.1235, rss_mib: 78 },
    });
  });

  test('is compared with its goals, and a value that is missing misses', () => {
    const goals = ['ours_vs_theirs', 'rss_mib', 'absent'].map((name) => ({ name, atMost: 50 }));
    expect(goalLines(result, goals).map((line) => line.split(' ')[0])).toEqual(['met', 'MISSED', 'MISSED']);
  });

  test('has a table with the spread for people', () => {
    expect(samplesTable({ open: [0.3, 0.1, 0.2] })).toEqual([
      '      median   least  greatest',
      'open  200 ms  100 ms    300 ms',
    ]);
  });

  test('has a table of rates', () => {
    expect(ratesTable({ read: [2 ** 20, 3 * 2 ** 20] })[1]).toBe('read  2.0 MiB/s  1.0 MiB/s  3.0 MiB/s');
  });
});

describe('the median', () => {
  test('is the middle, or between the two in the middle', () => {
    expect(median([3, 1, 100])).toBe(3);
    expect(spread([4, 1, 2, 3])).toEqual({ median: 2.5, least: 1, greatest: 4 });
  });

  test('rejects a series without values', () => {
    expect(() => median([])).toThrow(RangeError);
  });
});
