import { status } from '@grpc/grpc-js';
import { reclaimControllerHandlers } from '../../../runtime/csi-addons/reclaim-space';
import { statusOfCode } from '../../../runtime/grpc/status';

const { controllerReclaimSpace } = reclaimControllerHandlers();
const call = (volumeId: string) =>
  Promise.resolve(controllerReclaimSpace?.({ volumeId } as never, { signal: new AbortController().signal }));

describe('ControllerReclaimSpace', () => {
  test('is Unimplemented, by which the stock controller goes on to its end', async () => {
    await expect(call('v')).toRejectWithCode('RECLAIM_UNSUPPORTED');
    expect(statusOfCode.RECLAIM_UNSUPPORTED).toBe(status.UNIMPLEMENTED);
  });

  test('refuses a request without a volume', async () => {
    await expect(call('')).toRejectWithCode('REQUEST_INVALID');
  });
});
