/** Features of an image by name, as classes and the `rbd` command have them, and as bits of its header. */

const bits: ReadonlyMap<string, bigint> = new Map([
  ['layering', 1n],
  ['exclusive-lock', 4n],
  ['object-map', 8n],
  ['fast-diff', 16n],
  ['deep-flatten', 32n],
  ['journaling', 64n],
]);

/** How the features of an image differ from those asked for, in words; undefined when they do not. Others are ignored. */
export function differsFrom(features: bigint, wanted: readonly string[]): string | undefined {
  const faults = [...bits].flatMap(([name, bit]) => {
    const present = (features & bit) !== 0n;
    if (present === wanted.includes(name)) return [];
    return present ? [`the feature ${name}`] : [`no feature ${name}`];
  });
  return faults.length === 0 ? undefined : faults.join(', ');
}
