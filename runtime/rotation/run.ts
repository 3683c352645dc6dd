/**
 * One run over many volumes. Every volume is by itself: one that fails is reported and the run goes on. A run that is
 * stopped is repeated with the time at which it began, and leaves out what was done since.
 */
import { isCoded, toCoded } from '../errors';
import { Admin, type Key, Kind } from '../grpc/gen/admin_pb';
import type { AdminClient } from './admin-client';
import { plan, type RotationKind, type Selection } from './select';

export interface RunOptions {
  readonly selection: Omit<Selection, 'kind'>;
  /** One after the other, each over all volumes. */
  readonly kinds: readonly RotationKind[];
  readonly dryRun: boolean;
  /** Whether a new version of each KEK is made first. A run that is resumed did that before. */
  readonly newKek: boolean;
  readonly pace: () => Promise<void>;
  readonly onProgress: (line: Line, done: number, of: number) => void;
}

export interface Line {
  readonly id: string;
  readonly is: 'volume' | 'snapshot' | 'kms';
  readonly kmsId: string;
  readonly kind: RotationKind;
  readonly outcome: 'rotated' | 'unchanged' | 'skipped' | 'planned' | 'failed' | 'under-way';
  /** Why it was left out or failed; of a re-encryption how far it has come. */
  readonly detail?: string;
  readonly code?: string;
}

const kinds = { kek: Kind.KEK, passphrase: Kind.PASSPHRASE, 'volume-key': Kind.VOLUME_KEY } as const;
/** Another call for the same volume may be running: the kubelet's, or the one of csi-addons. */
const attempts = 5;
const busyPauseMs = 2_000;

/** @throws CodedError when the list itself cannot be had. */
export async function runRotation(client: AdminClient, options: RunOptions): Promise<readonly Line[]> {
  const lines: Line[] = [];
  for (const kind of options.kinds) lines.push(...(await runKind(client, kind, options)));
  return lines;
}

async function runKind(client: AdminClient, kind: RotationKind, options: RunOptions): Promise<readonly Line[]> {
  const { keys } = await client.call(Admin.method.listKeys, {});
  const { chosen, skipped } = plan(keys, { ...options.selection, kind });
  const lines: Line[] = skipped.map(({ key, reason }) => ({ ...about(key, kind), outcome: 'skipped', detail: reason }));
  const tell = (line: Line, done: number) => {
    lines.push(line);
    options.onProgress(line, done, chosen.length);
  };
  if (kind === 'kek' && options.newKek) {
    for (const kmsId of new Set(chosen.map((key) => key.kmsId))) tell(await rotateKek(client, kmsId, options), 0);
  }
  for (const [index, key] of chosen.entries()) {
    if (options.dryRun) {
      tell({ ...about(key, kind), outcome: 'planned' }, index + 1);
      continue;
    }
    await options.pace();
    tell(await rotateOne(client, key, kind, options, index), index + 1);
  }
  return lines;
}

async function rotateKek(client: AdminClient, kmsId: string, { dryRun }: RunOptions): Promise<Line> {
  const line = { id: kmsId, is: 'kms', kmsId, kind: 'kek' } as const;
  if (dryRun) return { ...line, outcome: 'planned' };
  try {
    const { rotated } = await client.call(Admin.method.rotateKek, { kmsId });
    return rotated
      ? { ...line, outcome: 'rotated' }
      : { ...line, outcome: 'unchanged', detail: 'has no KEK with versions' };
  } catch (error) {
    return { ...line, outcome: 'failed', ...reasonOf(error) };
  }
}

async function rotateOne(
  client: AdminClient,
  key: Key,
  kind: RotationKind,
  { onProgress }: RunOptions,
  index: number,
): Promise<Line> {
  const line = about(key, kind);
  const { id, isSnapshot } = key;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const answer = await client.call(Admin.method.rotateKey, { id, isSnapshot, kind: kinds[kind] });
      if (answer.done) return { ...line, outcome: answer.changed ? 'rotated' : 'unchanged' };
      attempt = 0;
      const percent = answer.totalBytes === 0n ? 0n : (100n * answer.convertedBytes) / answer.totalBytes;
      onProgress({ ...line, outcome: 'under-way', detail: `${percent} %` }, index, index);
    } catch (error) {
      if (attempt >= attempts || !isCoded(error, 'VOLUME_BUSY', 'DEVICE_BUSY', 'KMS_CONFLICT')) {
        return { ...line, outcome: 'failed', ...reasonOf(error) };
      }
      await new Promise((resolve) => setTimeout(resolve, busyPauseMs));
    }
  }
}

function about({ id, isSnapshot, kmsId }: Key, kind: RotationKind) {
  return { id, is: isSnapshot ? ('snapshot' as const) : ('volume' as const), kmsId, kind };
}

function reasonOf(error: unknown) {
  const { code, message } = toCoded(error);
  return { code, detail: message };
}
