/**
 * Which volumes a process looks after, with their claims. Each node has what it holds; where volumes are of the whole cluster,
 * one elected process has those besides that no node holds.
 */
import { type CsiDeps, onAll } from '../../csi/volume-calls';
import type { VolumeRecord } from '../../device/record';
import type { Bound, BoundVolume, Claim, ClusterLook } from './claims';
import { type Decision, decide, type Precedence } from './precedence';

export interface Subject {
  readonly volume: BoundVolume;
  readonly claim: Claim;
  readonly decision: Decision;
  /** False: of the elected one; it may turn out that a node holds it. */
  readonly isHeld: boolean;
  /** RFC 3339, as far as it was read. */
  readonly rotatedAt?: string;
  /** RFC 3339; when this node last found that the key opens the volume. */
  readonly verifiedAt?: string;
}

export interface SubjectsDeps {
  readonly csi: CsiDeps;
  readonly secrets: () => Promise<Readonly<Record<string, string>>>;
  readonly precedence: Precedence;
}

/** @throws KubernetesError, and what the back end throws. */
export async function heldSubjects(deps: SubjectsDeps, look: ClusterLook): Promise<readonly Subject[]> {
  const isNodeLocal = deps.csi.backEnds.reach === 'node';
  const records = isNodeLocal ? await storedHere(deps) : await stagedHere(deps);
  const subjects: Subject[] = [];
  const add = async ({ encryption: { rotatedAt } }: VolumeRecord, bound: Bound) => {
    const subject = await subjectOf(deps, look, bound);
    subjects.push({ ...subject, isHeld: true, ...(rotatedAt !== undefined && { rotatedAt }) });
  };
  const unnamed: VolumeRecord[] = [];
  for (const record of records) {
    // csi-provisioner names the volume as it asked for it.
    const bound = await look.bound(record.name);
    if (bound?.volume.volumeId === record.id) await add(record, bound);
    else unnamed.push(record);
  }
  // What is staged has a volume, which somebody may have made by hand. Of a node's own, many have none any more.
  if (isNodeLocal || unnamed.length === 0) return subjects;
  const all = new Map((await look.allBound()).map((bound) => [bound.volume.volumeId, bound]));
  for (const record of unnamed) {
    const bound = all.get(record.id);
    if (bound) await add(record, bound);
  }
  return subjects;
}

/** @throws KubernetesError. */
export async function otherSubjects(deps: SubjectsDeps, look: ClusterLook): Promise<readonly Subject[]> {
  const held = new Set(await deps.csi.shared.stages.list());
  const subjects: Subject[] = [];
  for (const bound of await look.allBound()) {
    if (!held.has(bound.volume.volumeId)) {
      subjects.push({ ...(await subjectOf(deps, look, bound)), isHeld: false });
    }
  }
  return subjects;
}

async function subjectOf({ csi, precedence }: SubjectsDeps, look: ClusterLook, bound: Bound) {
  const last = await csi.shared.verifications.last(bound.volume.volumeId);
  return {
    ...bound,
    decision: decide(await look.annotationsAround(bound.claim), precedence),
    ...(last?.outcome === 'OK' && { verifiedAt: last.at }),
  };
}

/** Volumes whose storage is this node. One record that cannot be read does not keep the others from their rotation. */
async function storedHere({ csi, secrets }: SubjectsDeps): Promise<readonly VolumeRecord[]> {
  return onAll(csi, await secrets(), async (all) => {
    const records: VolumeRecord[] = [];
    for (const { backEnd, log } of all) {
      for (const id of await backEnd.volumes.list()) {
        if (backEnd.isElsewhere(id)) continue;
        const record = await backEnd.volumes.get(id).catch((error: unknown) => {
          log.warn('a volume cannot be rotated: its record cannot be read', { volumeId: id, error });
          return undefined;
        });
        if (record?.complete) records.push(record);
      }
    }
    return records;
  });
}

/** As they were when they were staged, or last changed from here. */
async function stagedHere({ csi: { shared } }: SubjectsDeps): Promise<readonly VolumeRecord[]> {
  const records: VolumeRecord[] = [];
  for (const id of await shared.stages.list()) {
    const volume = (await shared.stages.get(id))?.volume;
    if (volume) records.push(volume);
  }
  return records;
}
