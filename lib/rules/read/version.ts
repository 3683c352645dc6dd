// Versions as people write them: `1.31`, `v1.31.2`, `v1.31.2+rke2r1`.

/** Whether a version is below another one, by major and minor. One that is no version is below nothing. */
export function isBelowVersion(version: string, other: string): boolean {
  const [left, right] = [numbersOf(version), numbersOf(other)];
  if (left === undefined || right === undefined) return false;
  return left[0] < right[0] || (left[0] === right[0] && left[1] < right[1]);
}

function numbersOf(version: string): readonly [number, number] | undefined {
  const [, major, minor] = /^v?(\d{1,4})\.(\d{1,4})(?:[.+-].*)?$/.exec(version) ?? [];
  return major === undefined || minor === undefined ? undefined : [Number(major), Number(minor)];
}
