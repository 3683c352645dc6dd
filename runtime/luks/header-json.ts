/**
 * The JSON area of a LUKS2 header, checked before anything is concluded from it: it comes from storage that is not
 * trusted (design §10). Fields that keyward does not use are let through, as the format allows new ones.
 * Source: "LUKS2 On-Disk Format Specification" 1.1.4, sections 3.2–3.8.
 */
import * as z from 'zod';

/** One way to the volume key. */
export interface Keyslot {
  readonly id: number;
  /** `luks2` holds a key; `reencrypt` is a journal of a running re-encryption. */
  readonly type: string;
  readonly keySizeBits: number;
  /** Cipher that protects the slot. Absent in slots that hold no key. */
  readonly cipher?: string;
  readonly kdf?: Kdf;
}

export interface Kdf {
  readonly type: 'pbkdf2' | 'argon2i' | 'argon2id';
  /** Passes for argon2. */
  readonly iterations: number;
  /** Only argon2. */
  readonly memoryKiB?: number;
  /** Only argon2. */
  readonly threads?: number;
}

export interface Segment {
  readonly id: number;
  readonly type: string;
  readonly offsetBytes: number;
  /** `dynamic`: to the end of the device. */
  readonly sizeBytes: number | 'dynamic';
  /** Absent in `linear` segments, which are not encrypted. */
  readonly cipher?: string;
  readonly sectorSizeBytes?: number;
  readonly integrity?: string;
  readonly flags: readonly string[];
  /** Keyslots that hold this segment's volume key. */
  readonly keyslots: readonly number[];
}

export interface Token {
  readonly id: number;
  readonly type: string;
  readonly keyslots: readonly number[];
  /** The whole object as stored. */
  readonly json: Readonly<Record<string, unknown>>;
}

export interface HeaderJson {
  readonly keyslots: readonly Keyslot[];
  readonly segments: readonly Segment[];
  readonly tokens: readonly Token[];
  /** Features without which the header must not be used. */
  readonly requirements: readonly string[];
}

/** Objects of each kind that libcryptsetup allows. */
const maximumObjects = 32;

const id = z.string().regex(/^(0|[1-9]|[12]\d|3[01])$/);
const byId = <T extends z.ZodType>(value: T) =>
  z.record(id, value).refine((it) => Object.keys(it).length <= maximumObjects);
const bytes = z
  .string()
  .regex(/^\d{1,16}$/)
  .transform(Number)
  .refine(Number.isSafeInteger);
const word = z.string().min(1).max(128);
const count = z.int().min(0).max(0xffff_ffff);
const idList = z.array(id.transform(Number)).max(maximumObjects);

const kdf = z.looseObject({
  type: z.enum(['pbkdf2', 'argon2i', 'argon2id']),
  iterations: count.exactOptional(),
  time: count.exactOptional(),
  memory: count.exactOptional(),
  cpus: count.exactOptional(),
});

const keyslot = z.looseObject({
  type: word,
  key_size: z.int().min(0).max(512),
  area: z.looseObject({ offset: bytes, size: bytes, encryption: word.exactOptional() }),
  kdf: kdf.exactOptional(),
});

const segment = z.looseObject({
  type: word,
  offset: bytes,
  size: z.union([z.literal('dynamic'), bytes]),
  encryption: word.exactOptional(),
  sector_size: z.literal([512, 1024, 2048, 4096]).exactOptional(),
  integrity: z.looseObject({ type: word }).exactOptional(),
  flags: z.array(word).max(16).exactOptional(),
});

const area = z.looseObject({
  keyslots: byId(keyslot),
  segments: byId(segment),
  digests: byId(z.looseObject({ keyslots: idList, segments: idList })),
  tokens: byId(z.looseObject({ type: word, keyslots: idList })),
  config: z.looseObject({
    requirements: z.looseObject({ mandatory: z.array(word).max(32).exactOptional() }).exactOptional(),
  }),
});

/** Undefined when the text is not the JSON area of a LUKS2 header. */
export function parseHeaderJson(text: string): HeaderJson | undefined {
  const raw = parseObject(text);
  const parsed = area.safeParse(raw);
  if (!parsed.success) return undefined;
  const { keyslots, segments, digests, tokens, config } = parsed.data;
  const keyslotsOf = (segmentId: number) =>
    Object.values(digests)
      .filter((digest) => digest.segments.includes(segmentId))
      .flatMap((digest) => digest.keyslots);
  return {
    keyslots: entries(keyslots, (slotId, it) => toKeyslot(slotId, it)),
    segments: entries(segments, (segmentId, it) => toSegment(segmentId, it, keyslotsOf(segmentId))),
    tokens: entries(tokens, (tokenId, it) => ({
      id: tokenId,
      type: it.type,
      keyslots: it.keyslots,
      json: stored(raw, tokenId),
    })),
    requirements: config.requirements?.mandatory ?? [],
  };
}

function toKeyslot(slotId: number, it: z.output<typeof keyslot>): Keyslot {
  return {
    id: slotId,
    type: it.type,
    keySizeBits: it.key_size * 8,
    ...(it.area.encryption !== undefined && { cipher: it.area.encryption }),
    ...(it.kdf && { kdf: toKdf(it.kdf) }),
  };
}

function toKdf(it: z.output<typeof kdf>): Kdf {
  return {
    type: it.type,
    iterations: it.iterations ?? it.time ?? 0,
    ...(it.memory !== undefined && { memoryKiB: it.memory }),
    ...(it.cpus !== undefined && { threads: it.cpus }),
  };
}

function toSegment(segmentId: number, it: z.output<typeof segment>, keyslots: readonly number[]): Segment {
  return {
    id: segmentId,
    type: it.type,
    offsetBytes: it.offset,
    sizeBytes: it.size,
    ...(it.encryption !== undefined && { cipher: it.encryption }),
    ...(it.sector_size !== undefined && { sectorSizeBytes: it.sector_size }),
    ...(it.integrity && { integrity: it.integrity.type }),
    flags: it.flags ?? [],
    keyslots,
  };
}

function entries<T, U>(record: Record<string, T>, map: (id: number, value: T) => U): U[] {
  return Object.entries(record)
    .map(([key, value]) => ({ id: Number(key), value }))
    .sort((a, b) => a.id - b.id)
    .map((it) => map(it.id, it.value));
}

/** The token as it is stored: the checked copy has its keyslot ids turned into numbers. */
function stored(raw: unknown, tokenId: number): Readonly<Record<string, unknown>> {
  const tokens = isObject(raw) ? raw.tokens : undefined;
  const token = isObject(tokens) ? tokens[String(tokenId)] : undefined;
  return isObject(token) ? token : {};
}

function parseObject(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON at all: to the caller the same as JSON of another shape, a damaged copy.
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
