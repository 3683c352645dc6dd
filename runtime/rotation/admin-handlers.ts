/** The admin service: translates each call to an operation of volume/. The secrets that CSI would bring come from a mounted Secret. */
import { withCall } from '../csi/request';
import { type CsiDeps, onAll, onVolume } from '../csi/volume-calls';
import { CodedError } from '../errors';
import { type Admin, Kind } from '../grpc/gen/admin_pb';
import type { Handlers } from '../grpc/service';
import type { Call, VolumeDeps } from '../volume/context';
import { listSnapshots, listVolumes } from '../volume/list';
import { reencryptVolume } from '../volume/reencrypt';
import { rewrapKey } from '../volume/rewrap';
import { rotatePassphrase } from '../volume/rotate';
import { verifyKey } from '../volume/verify';
import { describeKey } from './describe-key';

const defaultBudgetSeconds = 20;

export interface AdminDeps extends CsiDeps {
  /** What a StorageClass would name as secrets, for KMS types and clusters that need them. Read at each call. */
  readonly secrets: () => Promise<Readonly<Record<string, string>>>;
}

export function adminHandlers(deps: AdminDeps): Handlers<typeof Admin> {
  const on = async <T>(id: string, operation: (deps: VolumeDeps, call: Call) => Promise<T>, signal: AbortSignal) =>
    onVolume(deps, { id, secrets: await deps.secrets(), signal }, operation);

  return {
    listKeys: async () =>
      onAll(deps, await deps.secrets(), async (all) => {
        const page = { startingToken: '', maxEntries: 0 };
        const volumes = await listVolumes(all, page);
        const snapshots = await listSnapshots(all, { ...page, snapshotId: '', sourceVolumeId: '' });
        const staged = new Set(await deps.shared.stages.list());
        return { keys: [...volumes.records, ...snapshots.records].map((each) => describeKey(each, staged)) };
      }),

    rotateKek: async ({ kmsId }, { signal }) =>
      withCall(await deps.secrets(), signal, async (call) => ({
        rotated: await deps.shared.kms.get(kmsId).rotateKek(call),
      })),

    rotateKey: ({ id, isSnapshot, kind, budgetSeconds }, { signal }) =>
      on(
        id,
        async (volumeDeps, call) => {
          if (kind === Kind.KEK) {
            const changed = await rewrapKey(volumeDeps, { kind: isSnapshot ? 'snapshot' : 'volume', id }, call);
            return { done: true, changed };
          }
          if (isSnapshot) throw unsupported('the key of a snapshot can be wrapped again, and not be replaced');
          if (kind === Kind.PASSPHRASE) {
            await rotatePassphrase(volumeDeps, id, call);
            return { done: true, changed: true };
          }
          if (kind !== Kind.VOLUME_KEY) throw unsupported('the request names no kind of rotation');
          const budgetMs = (budgetSeconds || defaultBudgetSeconds) * 1000;
          const { done, convertedBytes, totalBytes } = await reencryptVolume(volumeDeps, id, call, { budgetMs });
          const [converted, total] = [BigInt(convertedBytes), BigInt(totalBytes)];
          return { done, changed: true, convertedBytes: converted, totalBytes: total };
        },
        signal,
      ),

    verifyKey: ({ id, isSnapshot }, { signal }) =>
      on(
        id,
        async (volumeDeps, call) => {
          const image = { kind: isSnapshot ? 'snapshot' : 'volume', id } as const;
          const { keyslot = -1, otherKeyslots } = await verifyKey(volumeDeps, image, call);
          return { keyslot, otherKeyslots: [...otherKeyslots] };
        },
        signal,
      ),
  };
}

function unsupported(message: string): CodedError {
  return new CodedError('REQUEST_INVALID', message, {
    remedy: 'Restore the snapshot to a volume and rotate that, or delete the snapshot.',
  });
}
