/** A running plugin in this process, its clients, and a transit key of a real OpenBao with a policy of least privilege. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { KeyManagementService as V1 } from '../../runtime/grpc/gen/kms_v1beta1_pb';
import { KeyManagementService as V2 } from '../../runtime/grpc/gen/kms_v2_pb';
import { type KmsPlugin, startKmsPlugin } from '../../runtime/kms-plugin/plugin';
import { resolveSettings } from '../../runtime/kms-plugin/settings/resolve';
import { createLog } from '../../runtime/log';
import { type UnaryClient, unaryClient } from '../../tools/csi-client/unary-client';
import type { OpenBao } from '../harness/openbao';

const policy = (key: string) => `
  path "transit/encrypt/${key}" { capabilities = ["update"] }
  path "transit/decrypt/${key}" { capabilities = ["update"] }
  path "transit/keys/${key}" { capabilities = ["read"] }
  path "auth/token/lookup-self" { capabilities = ["read"] }
  path "auth/token/renew-self" { capabilities = ["update"] }
`;

/** Mounts transit once, and makes a key with a policy of its name. */
export async function makeKey(bao: OpenBao, key: string): Promise<void> {
  await bao.request('POST', 'sys/mounts/transit', { type: 'transit' });
  await bao.expectOk('POST', `transit/keys/${key}`, {});
  await bao.expectOk('PUT', `sys/policies/acl/${key}`, { policy: policy(key) });
}

/** A periodic orphan token with the policy of the key, as the documentation of every plugin recommends it. */
export async function makeToken(bao: OpenBao, key: string, options: object = { period: '1h' }): Promise<string> {
  const body = { policies: [key], no_parent: true, no_default_policy: true, ...options };
  return (await bao.expectOk('POST', 'auth/token/create', body)).body.auth.client_token;
}

export interface Running {
  readonly v1: UnaryClient<typeof V1>;
  readonly v2: UnaryClient<typeof V2>;
  readonly socket: string;
  readonly folder: string;
  /** Everything that was logged, debug lines included. */
  readonly logged: () => string;
  readonly plugin: KmsPlugin;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts a plugin with these flags; socket, log level and a health port that is off are given. */
export async function run(bao: OpenBao, flags: Readonly<Record<string, string>>): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-kms-'));
  const socket = join(folder, 'run/kms.sock');
  const settings = resolveSettings({
    flags: {
      'vault-address': bao.address,
      socket: `unix://${socket}`,
      'health-port': '0',
      'log-level': 'debug',
      'poll-seconds': '1',
      ...flags,
    },
    environment: {},
  });
  const lines: string[] = [];
  const log = createLog('debug', { write: (line) => void lines.push(line) });
  const plugin = await startKmsPlugin({ settings, version: '1.2.3', log });
  const channel = new Client(`unix:${socket}`, credentials.createInsecure());
  return {
    v1: unaryClient(V1, channel, { timeoutMs: 10_000 }),
    v2: unaryClient(V2, channel, { timeoutMs: 10_000 }),
    socket,
    folder,
    logged: () => lines.join(''),
    plugin,
    [Symbol.asyncDispose]: async () => {
      channel.close();
      await plugin.close(1_000);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What an API server sends back of what it got. */
export function stored({ ciphertext, keyId, annotations }: Stored): Stored {
  return { ciphertext, keyId, annotations };
}

interface Stored {
  readonly ciphertext: Uint8Array;
  readonly keyId: string;
  readonly annotations: { readonly [key: string]: Uint8Array };
}

/** Repeats until it holds. @throws the last failure after `timeoutMs`. */
export async function eventually<T>(attempt: () => Promise<T>, timeoutMs = 15_000): Promise<T> {
  const until = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
