import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError } from '../../../runtime/errors';
import { Controller, Identity } from '../../../runtime/grpc/gen/csi_pb';
import { type RunningServer, serveOnSocket } from '../../../runtime/grpc/server';
import { bindService, InFlightCalls } from '../../../runtime/grpc/service';
import { silentLog } from '../../../runtime/log';
import { CallError } from '../../../tools/csi-client/call-error';
import { csiClient } from '../../../tools/csi-client/csi-client';

const folder = mkdtempSync(join(tmpdir(), 'kw-csi-'));
const socket = join(folder, 'csi.sock');
const seen: string[] = [];
const client = csiClient({ socket, timeoutMs: 5_000, onCall: ({ rpc, status }) => seen.push(`${rpc} ${status}`) });
let server: RunningServer;

beforeAll(async () => {
  const deps = { log: silentLog, calls: new InFlightCalls() };
  const createVolume = async () => {
    throw new CodedError('VOLUME_BUSY', 'somebody works on it', { remedy: 'Repeat the call.' });
  };
  server = await serveOnSocket(socket, [
    bindService(Identity, { getPluginInfo: async () => ({ name: 'csi.example', vendorVersion: '1' }) }, deps),
    bindService(Controller, { createVolume }, deps),
  ]);
});
afterAll(async () => {
  client.close();
  await server.close();
  rmSync(folder, { recursive: true });
});

test('a call gives the typed answer', async () => {
  const { name, vendorVersion } = await client.identity.getPluginInfo({});
  expect([name, vendorVersion]).toEqual(['csi.example', '1']);
});

test('an error carries the gRPC status and our code', async () => {
  const error = await client.controller.createVolume({ name: 'x' }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(CallError);
  expect(error).toMatchObject({ rpc: 'Controller/CreateVolume', status: 'ABORTED', code: 'VOLUME_BUSY' });
});

test('a method that is not served is UNIMPLEMENTED, without a code of ours', async () => {
  await expect(client.identity.probe({})).rejects.toMatchObject({ status: 'UNIMPLEMENTED', code: undefined });
});

test('every call is observed', () => {
  expect(seen).toEqual([
    'Identity/GetPluginInfo OK',
    'Controller/CreateVolume ABORTED',
    'Identity/Probe UNIMPLEMENTED',
  ]);
});

test('a socket on which nobody answers is UNAVAILABLE', async () => {
  const alone = csiClient({ socket: join(folder, 'nobody.sock'), timeoutMs: 2_000 });
  await expect(alone.identity.probe({})).rejects.toMatchObject({ status: 'UNAVAILABLE', code: undefined });
  alone.close();
});
