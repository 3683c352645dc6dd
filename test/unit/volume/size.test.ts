import fc from 'fast-check';
import { type CapacityRange, chooseSize, fits } from '../../../runtime/volume/size';

const MiB = 2 ** 20;

describe('the size of a new volume', () => {
  test.each<readonly [string, CapacityRange, number]>([
    ['nothing asked: one gibibyte', {}, 1024 * MiB],
    ['nothing asked, a lower limit: the limit', { limitBytes: 100 * MiB }, 100 * MiB],
    ['what is required', { requiredBytes: 64 * MiB }, 64 * MiB],
    ['up to whole sectors', { requiredBytes: 64 * MiB + 1 }, 64 * MiB + 4096],
    ['required and limit the same', { requiredBytes: 64 * MiB, limitBytes: 64 * MiB }, 64 * MiB],
  ])('%s', (_, range, expected) => {
    expect(chooseSize(range, 'mount', 'ext4')).toBe(expected);
  });

  test.each<readonly [string, CapacityRange, 'mount' | 'block', 'ext4' | 'xfs' | undefined]>([
    ['ext4 below 16 MiB', { requiredBytes: 16 * MiB - 4096 }, 'mount', 'ext4'],
    ['xfs below 300 MiB', { requiredBytes: 299 * MiB }, 'mount', 'xfs'],
    ['block below 1 MiB', { requiredBytes: 4096 }, 'block', undefined],
    ['a limit below the smallest', { limitBytes: 8 * MiB }, 'mount', undefined],
    ['a limit between two sectors', { requiredBytes: 64 * MiB + 1, limitBytes: 64 * MiB + 2 }, 'mount', 'ext4'],
    ['more than can be counted', { requiredBytes: Number.MAX_SAFE_INTEGER }, 'mount', 'ext4'],
  ])('refuses %s, and says how much it may be', (_, range, accessType, fsType) => {
    expect(() => chooseSize(range, accessType, fsType)).toThrowWithCode('CAPACITY_OUT_OF_RANGE');
    const remedy = catchRemedy(() => chooseSize(range, accessType, fsType));
    expect(remedy).toMatch(/\d/);
  });

  test('R16: always in the range, in whole sectors, and less than one sector above what is required', () => {
    const range = fc.record({ requiredBytes: fc.nat({ max: 2 ** 31 - 1 }), limitBytes: fc.nat({ max: 2 ** 31 - 1 }) });
    fc.assert(
      fc.property(range, (asked) => {
        let size: number;
        try {
          size = chooseSize(asked, 'mount', 'ext4');
        } catch {
          return;
        }
        expect(size % 4096).toBe(0);
        expect(fits(size, asked)).toBe(true);
        if (asked.requiredBytes > 0) expect(size - asked.requiredBytes).toBeLessThan(4096);
      }),
    );
  });
});

test('a volume satisfies a range that includes its size, and zero is no bound', () => {
  expect(fits(100, {})).toBe(true);
  expect(fits(100, { requiredBytes: 100, limitBytes: 100 })).toBe(true);
  expect(fits(100, { requiredBytes: 101 })).toBe(false);
  expect(fits(100, { limitBytes: 99 })).toBe(false);
  expect(fits(100, { requiredBytes: 0, limitBytes: 0 })).toBe(true);
});

function catchRemedy(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof Error && 'remedy' in error) return String(error.remedy);
  }
  return '';
}
