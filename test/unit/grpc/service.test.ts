import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError } from '../../../runtime/errors';
import { Identity } from '../../../runtime/grpc/gen/csi_pb';
import { type RunningServer, serveOnSocket } from '../../../runtime/grpc/server';
import { bindService, type Handlers, InFlightCalls } from '../../../runtime/grpc/service';
import type { Log, LogFields } from '../../../runtime/log';
import { type CsiClient, csiClient } from '../../../tools/csi-client/csi-client';

let folder: string;
let server: RunningServer;
let client: CsiClient;
let calls: InFlightCalls;
let observed: (readonly [rpc: string, code: string])[];
let logged: (readonly [message: string, fields: LogFields | undefined])[];

async function serve(handlers: Handlers<typeof Identity>): Promise<void> {
  const keep = (message: string, fields?: LogFields) => void logged.push([message, fields]);
  const log: Log = { debug: keep, info: keep, warn: keep, error: keep };
  const onCall = (rpc: string, code: string) => void observed.push([rpc, code]);
  server = await serveOnSocket(join(folder, 's'), [bindService(Identity, handlers, { log, calls, onCall })]);
  client = csiClient({ socket: server.path, timeoutMs: 10_000 });
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keyward-service-'));
  calls = new InFlightCalls();
  observed = [];
  logged = [];
});
afterEach(async () => {
  client.close();
  await server.close();
  rmSync(folder, { recursive: true });
});

test('a handler answers with its message', async () => {
  await serve({ getPluginInfo: async () => ({ name: 'n', vendorVersion: 'v' }) });
  await expect(client.identity.getPluginInfo({})).resolves.toMatchObject({ name: 'n', vendorVersion: 'v' });
  expect(observed).toEqual([['csi.v1.Identity/GetPluginInfo', 'OK']]);
});

test('an error becomes its status, with code and remedy in the text and without its cause', async () => {
  const cause = new Error('connect ECONNREFUSED 10.0.0.7');
  const error = new CodedError('KMS_UNREACHABLE', 'KMS eu does not answer', { remedy: 'Look at the network.', cause });
  await serve({ probe: () => Promise.reject(error) });
  await expect(client.identity.probe({})).rejects.toMatchObject({
    status: 'UNAVAILABLE',
    code: 'KMS_UNREACHABLE',
    details: 'KMS_UNREACHABLE: KMS eu does not answer. Look at the network.',
  });
  expect(observed).toEqual([['csi.v1.Identity/Probe', 'KMS_UNREACHABLE']]);
  expect(logged.find(([message]) => message === 'call failed')?.[1]?.error).toBe(error);
});

test('a bug becomes INTERNAL and its text stays here', async () => {
  await serve({
    probe: () => {
      throw new TypeError('canary');
    },
  });
  await expect(client.identity.probe({})).rejects.toMatchObject({
    status: 'INTERNAL',
    code: 'INTERNAL',
    details: expect.not.stringContaining('canary'),
  });
});

test('a method without a handler is Unimplemented', async () => {
  await serve({});
  await expect(client.identity.probe({})).rejects.toMatchObject({ status: 'UNIMPLEMENTED' });
});

describe('shutting down', () => {
  test('refuses new calls, and waits for one that runs', async () => {
    let end = () => {};
    const running = new Promise<void>((resolve) => {
      end = resolve;
    });
    let began = () => {};
    const begun = new Promise<void>((resolve) => {
      began = resolve;
    });
    await serve({
      probe: async () => {
        began();
        await running;
        return { ready: true };
      },
      getPluginInfo: async () => ({}),
    });
    const first = client.identity.probe({});
    await begun;
    const closing = calls.close(60_000);
    await expect(client.identity.getPluginInfo({})).rejects.toMatchObject({
      status: 'UNAVAILABLE',
      code: 'SHUTTING_DOWN',
    });
    end();
    await expect(first).resolves.toMatchObject({ ready: true });
    await closing;
  });

  test('aborts what still runs when the grace is over, and waits for its end', async () => {
    await serve({
      probe: (_, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new CodedError('ABORTED', 'stopped', { remedy: 'Repeat.' })));
          setImmediate(() => void calls.close(0));
        }),
    });
    await expect(client.identity.probe({})).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
