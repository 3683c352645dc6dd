/** Options of mount(8) as mount(2) takes them: some are flags, the rest is a text for the file system. */

export interface MountArguments {
  readonly flags: number;
  readonly data: string;
}

/** Source: mount(2), Linux include/uapi/linux/mount.h. */
const flags = new Map([
  ['rw', 0],
  ['ro', 1],
  ['nosuid', 2],
  ['nodev', 4],
  ['noexec', 8],
  ['sync', 16],
  ['dirsync', 128],
  ['noatime', 1024],
  ['nodiratime', 2048],
  ['relatime', 1 << 21],
  ['strictatime', 1 << 24],
  ['lazytime', 1 << 25],
]);
/** Of each of these only one at a time: mount(8) lets the last count. */
const alternatives = [
  ['rw', 'ro'],
  ['noatime', 'relatime', 'strictatime'],
];

/** Those that mount(8) hands on to ext4 and xfs as they are. */
const forFilesystem =
  /^(?:nouuid|discard|nodiscard|(?:errors|data)=[a-z-]+|(?:commit|logbufs|stripe)=\d+|(?:no)?barrier|(?:no)?delalloc|(?:no)?largeio|noquota|swalloc)$/;

/** Undefined when there is an option that mount(8) itself has to understand. */
export function mountArguments(options: readonly string[]): MountArguments | undefined {
  const own = options.filter((each) => forFilesystem.test(each));
  const rest = options.filter((each) => !forFilesystem.test(each));
  if (rest.some((each) => !flags.has(each))) return undefined;
  if (alternatives.some((some) => rest.filter((each) => some.includes(each)).length > 1)) return undefined;
  return { flags: rest.reduce((all, each) => all | (flags.get(each) ?? 0), 0), data: own.join(',') };
}
