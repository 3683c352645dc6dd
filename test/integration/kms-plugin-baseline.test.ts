/** Data of vault-kubernetes-kms and of ours on one socket path and key: each reads what the other wrote, in both versions. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { keywardCommand, type PluginCommand, type PluginProcess, startPlugin } from '../../bench/kms-plugin-process';
import { startTransitServer, type TransitServer } from '../../bench/kms-plugin-server';
import { KeyManagementService as V1 } from '../../runtime/grpc/gen/kms_v1beta1_pb';
import { KeyManagementService as V2 } from '../../runtime/grpc/gen/kms_v2_pb';
import { bundle } from '../../tools/bundle';
import { type UnaryClient, unaryClient } from '../../tools/csi-client/unary-client';
import { requireTool } from '../../tools/ensure';
import { describeWith } from '../harness/describe-with';
import { startEncryptingKubernetes } from '../harness/encrypting-api-server';
import { eventually, stored } from './kms-plugin-fixture';

jest.setTimeout(400_000);

interface Clients {
  readonly v1: UnaryClient<typeof V1>;
  readonly v2: UnaryClient<typeof V2>;
}

describeWith(['openbao', 'kms-baseline'], 'the KMS plugin in the place of vault-kubernetes-kms', () => {
  const commands = () => {
    const executable = join(server.folder, 'keyward.cjs');
    return {
      keyward: { ...keywardCommand, args: [executable, 'kms-plugin'] },
      baseline: { name: 'peer', command: requireTool('kms-baseline'), args: [] } as PluginCommand,
    };
  };
  let server: TransitServer;
  let socket: string;
  beforeAll(async () => {
    server = await startTransitServer(false);
    bundle('runtime/bin/keyward.ts', join(server.folder, 'keyward.cjs'));
  });
  afterAll(() => server?.stop());
  beforeEach(() => {
    socket = join(server.folder, 'kms.sock');
  });

  /** With the same flags and variables for both; the one before must have ended. */
  async function serving<T>(which: 'keyward' | 'baseline', use: (clients: Clients) => Promise<T>): Promise<T> {
    const plugin: PluginProcess = await startPlugin(commands()[which], server, socket);
    const channel = new Client(`unix:${socket}`, credentials.createInsecure());
    try {
      const options = { timeoutMs: 10_000 };
      return await use({ v1: unaryClient(V1, channel, options), v2: unaryClient(V2, channel, options) });
    } finally {
      channel.close();
      await plugin.stop();
    }
  }

  test.each([
    ['baseline', 'keyward'],
    ['keyward', 'baseline'],
  ] as const)('what the %s wrote is read by the %s, with the key id that was stored', async (writer, reader) => {
    const plaintext = randomBytes(32);
    const written = await serving(writer, async ({ v1, v2 }) => {
      const made = await eventually(() => v2.encrypt({ plaintext, uid: 'w' }));
      // An API server takes an encryption only under the key id that Status tells.
      expect((await v2.status({})).keyId).toBe(made.keyId);
      return { v1: await v1.encrypt({ version: 'v1beta1', plain: plaintext }), v2: stored(made) };
    });
    if (writer === 'baseline') expect(written.v2.keyId).toBe('1');
    expect(written.v2.annotations).toEqual({});
    for (const text of [written.v1.cipher, written.v2.ciphertext]) {
      expect(Buffer.from(text).toString()).toMatch(/^vault:v1:/);
    }
    await serving(reader, async ({ v1, v2 }) => {
      const opened = await eventually(() => v2.decrypt({ ...written.v2, uid: 'r' }));
      expect(Buffer.from(opened.plaintext)).toEqual(plaintext);
      const older = await v1.decrypt({ version: 'v1beta1', cipher: written.v1.cipher });
      expect(Buffer.from(older.plain)).toEqual(plaintext);
      // Both have one key, so each version reads the other's text too.
      const crossed = await v1.decrypt({ version: 'v1beta1', cipher: written.v2.ciphertext });
      expect(Buffer.from(crossed.plain)).toEqual(plaintext);
    });
  });

  describeWith(['etcd', 'kube-apiserver'], 'behind an API server', () => {
    test.each(['v2', 'v1'] as const)(
      'Secrets of KMS %s are read after the plugin was replaced, and back',
      async (api) => {
        const provider = { apiVersion: api, name: 'vault', socket } as const;
        const path = '/api/v1/namespaces/default/secrets';
        const value = (text: string) => Buffer.from(text).toString('base64');
        const first = await startPlugin(commands().baseline, server, socket);
        let running = first;
        const replaceBy = async (which: 'keyward' | 'baseline') => {
          await running.stop();
          running = await startPlugin(commands()[which], server, socket);
        };
        try {
          await using cluster = await startEncryptingKubernetes({ providers: [provider] });
          const { kubernetes } = cluster;
          const write = (name: string) =>
            eventually(
              () => kubernetes.expectOk('POST', path, { metadata: { name }, data: { value: value(name) } }),
              60_000,
            );
          const read = async (name: string) => (await kubernetes.expectOk('GET', `${path}/${name}`)).body.data.value;
          await write('by-baseline');
          expect((await cluster.stored('secrets/default/by-baseline'))?.toString('latin1')).toMatch(
            new RegExp(`^k8s:enc:kms:${api}:vault:`),
          );
          // A restart, or the API server would answer from its caches.
          await kubernetes.halt();
          await replaceBy('keyward');
          await cluster.restart();
          expect(await read('by-baseline')).toBe(value('by-baseline'));
          await write('by-keyward');
          await kubernetes.halt();
          await replaceBy('baseline');
          await cluster.restart();
          expect(await read('by-baseline')).toBe(value('by-baseline'));
          expect(await read('by-keyward')).toBe(value('by-keyward'));
        } finally {
          await running.stop();
        }
      },
    );
  });
});
