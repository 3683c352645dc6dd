/** What an executable or library asks the dynamic linker for. Source: elf(5), ld.so(8). */

/** The dynamic needs of an ELF file. */
export interface ElfNeeds {
  /** The dynamic linker; libraries name none. */
  readonly interpreter: string | undefined;
  /** Names of libraries. */
  readonly libraries: readonly string[];
  /** Folders to look in first, with `$ORIGIN` as it stands. */
  readonly searchPath: readonly string[];
}

const programHeader = { load: 1, dynamic: 2, interpreter: 3 } as const;
const tag = { end: 0, needed: 1, stringTable: 5, rpath: 15, runpath: 29 } as const;

/** The needs of `file`; undefined for what is no 64-bit little-endian ELF file, such as a script. */
export function elfNeeds(file: Buffer): ElfNeeds | undefined {
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) return undefined;
  const segments = programHeaders(file);
  const offsetOf = (address: number) => {
    const segment = segments.find((each) => each.type === programHeader.load && within(address, each));
    return segment === undefined ? undefined : address - segment.address + segment.offset;
  };
  const entries = segments.filter(({ type }) => type === programHeader.dynamic).flatMap((each) => dynamic(file, each));
  const strings = offsetOf(entries.find((entry) => entry.tag === tag.stringTable)?.value ?? -1);
  const textsOf = (...tags: readonly number[]) =>
    strings === undefined
      ? []
      : entries.filter((entry) => tags.includes(entry.tag)).map(({ value }) => textAt(file, strings + value));
  const interpreter = segments.find(({ type }) => type === programHeader.interpreter);
  return {
    interpreter: interpreter && textAt(file, interpreter.offset),
    libraries: textsOf(tag.needed),
    searchPath: textsOf(tag.rpath, tag.runpath).flatMap((path) => path.split(':')),
  };
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

function programHeaders(file: Buffer): Segment[] {
  const start = Number(file.readBigUInt64LE(32));
  const [size, count] = [file.readUInt16LE(54), file.readUInt16LE(56)];
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * size;
    return {
      type: file.readUInt32LE(at),
      offset: Number(file.readBigUInt64LE(at + 8)),
      address: Number(file.readBigUInt64LE(at + 16)),
      size: Number(file.readBigUInt64LE(at + 32)),
    };
  });
}

function dynamic(file: Buffer, { offset, size }: Segment): { readonly tag: number; readonly value: number }[] {
  const entries = Array.from({ length: size / 16 }, (_, index) => ({
    tag: Number(file.readBigInt64LE(offset + index * 16)),
    value: Number(file.readBigUInt64LE(offset + index * 16 + 8)),
  }));
  const end = entries.findIndex((entry) => entry.tag === tag.end);
  return end === -1 ? entries : entries.slice(0, end);
}

function within(address: number, segment: Segment): boolean {
  return address >= segment.address && address < segment.address + segment.size;
}

function textAt(file: Buffer, start: number): string {
  return file.toString('latin1', start, file.indexOf(0, start));
}
