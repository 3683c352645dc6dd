import { addonsIdentityHandlers } from '../../../runtime/csi-addons/identity';

const part = { driverName: 'csi.example.com', version: '1.2.3', servesController: true, servesNode: true };
const options = { signal: new AbortController().signal };

/** As the wire names them: the field of the oneof, and the number of its type. */
async function capabilities(serves: { servesController: boolean; servesNode: boolean }): Promise<readonly string[]> {
  const { getCapabilities } = addonsIdentityHandlers({ ...part, ...serves });
  const answer = await getCapabilities?.({} as never, options);
  return (answer?.capabilities ?? []).map(({ type }) => `${type?.case} ${type?.value?.type}`);
}

describe('what CSI-Addons may ask of a process', () => {
  const node = ['service 2', 'reclaimSpace 2', 'encryptionKeyRotation 1'];
  const controller = ['service 1', 'reclaimSpace 1'];

  test('R2: keys are rotated and space is reclaimed online where volumes are in use', async () => {
    expect(await capabilities({ servesController: false, servesNode: true })).toEqual(node);
  });

  test('the controller says OFFLINE, for the stock controller fails without one that does', async () => {
    expect(await capabilities({ servesController: true, servesNode: false })).toEqual(controller);
  });

  test('a process that serves both says both, and nobody offers fencing or replication', async () => {
    expect(await capabilities({ servesController: true, servesNode: true })).toEqual([...node, ...controller]);
  });
});

test('it has the name of the CSI driver, by which the controller finds it for a volume', async () => {
  const { getIdentity, probe } = addonsIdentityHandlers(part);
  expect(await getIdentity?.({} as never, options)).toEqual({ name: 'csi.example.com', vendorVersion: '1.2.3' });
  expect(await probe?.({} as never, options)).toEqual({ ready: true });
});
