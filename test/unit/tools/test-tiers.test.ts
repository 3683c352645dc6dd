import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { groupsOf, TIER_NAMES, tiersWithFiles, toolsOf } from '../../../tools/test-tiers';

describe('tiersWithFiles', () => {
  const root = mkdtempSync(join(tmpdir(), 'keyward-tiers-'));
  beforeAll(() => {
    for (const path of ['unit/luks/header.test.ts', 'kernel/stage.test.ts']) {
      mkdirSync(join(root, 'test', path, '..'), { recursive: true });
      writeFileSync(join(root, 'test', path), '');
    }
  });
  afterAll(() => rmSync(root, { recursive: true }));

  test.each([
    [[], ['unit', 'kernel']],
    [['luks'], ['unit']],
    [['test/kernel/'], ['kernel']],
    [['nothing'], []],
  ])('patterns %j select %j', (patterns, tiers) => {
    expect(tiersWithFiles(root, TIER_NAMES, patterns)).toEqual(tiers);
  });
});

test('unit tests need no component; a component of several tiers is named once', () => {
  expect(toolsOf(['unit'])).toEqual([]);
  const names = toolsOf(['conformance', 'integration']);
  expect(new Set(names).size).toBe(names.length);
  expect(names).toContain('openbao');
});

test('guests of `kernel` run beside all else, and clusters in a box when one of the two has ended', () => {
  expect(groupsOf(TIER_NAMES)).toEqual([['unit', 'conformance', 'integration', 'system'], ['kernel'], ['e2e']]);
  expect(groupsOf(['kernel'])).toEqual([['kernel']]);
  expect(groupsOf([])).toEqual([]);
});
