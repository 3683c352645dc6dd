/**
 * The faults of the soak. Each one begins, is left to work for a while, and ends; afterwards every call must succeed again.
 * `allowed` is what calls may fail with meanwhile, as gRPC status and code: anything else is a finding.
 */
import http2 from 'node:http2';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OpenBao } from '../test/harness/openbao';

export interface Fault {
  readonly name: string;
  readonly allowed: readonly string[];
  /** How long it is left to work. */
  readonly lastsMs: number;
  begin(): Promise<void>;
  end(): Promise<void>;
}

const away = ['Unavailable KMS_UNREACHABLE', 'Unavailable KMS_TIMEOUT'];
const sealed = ['Unavailable KMS_SEALED'];
const nothing = async () => undefined;

/** @param socket of the plugin; its token must come from AppRole, so that it can log in again */
export function soakFaults(bao: OpenBao, socket: string): readonly Fault[] {
  const hanging = new Set<http2.ClientHttp2Session>();
  const hang = () => {
    const session = http2.connect('http://localhost', { createConnection: () => connect(socket) });
    // The plugin may end what hangs; that is no failure of the soak.
    session.on('error', () => undefined);
    hanging.add(session);
    return session;
  };
  return [
    {
      name: 'Vault sealed',
      allowed: [...sealed, ...away],
      lastsMs: 2_000,
      begin: () => bao.seal(),
      end: () => bao.unseal(),
    },
    {
      name: 'Vault restarted',
      allowed: [...sealed, ...away],
      lastsMs: 0,
      begin: () => bao.restart(),
      end: nothing,
    },
    {
      name: 'Vault stopped',
      allowed: [...sealed, ...away],
      lastsMs: 3_000,
      begin: () => bao.halt(),
      end: () => bao.resume(),
    },
    {
      name: 'token revoked',
      // The plugin logs in again, and no call fails.
      allowed: [],
      lastsMs: 0,
      begin: async () => {
        await bao.expectOk('PUT', 'sys/leases/revoke-prefix/auth/approle', { sync: true });
      },
      end: nothing,
    },
    {
      name: 'key rotated',
      allowed: [],
      lastsMs: 0,
      begin: async () => {
        await bao.expectOk('POST', 'transit/keys/kms/rotate');
      },
      end: nothing,
    },
    {
      name: 'rate limit',
      allowed: ['Unavailable KMS_THROTTLED'],
      lastsMs: 2_000,
      begin: async () => {
        await bao.expectOk('POST', 'sys/quotas/rate-limit/soak', { path: 'transit', rate: 1 });
      },
      end: async () => {
        await bao.expectOk('DELETE', 'sys/quotas/rate-limit/soak');
      },
    },
    {
      name: 'clients that hang',
      allowed: [],
      lastsMs: 2_000,
      begin: async () => {
        for (let index = 0; index < 20; index += 1) hangingCall(hang(), index % 2 === 0);
      },
      end: async () => {
        for (const session of hanging) session.destroy();
        hanging.clear();
      },
    },
    {
      name: 'clients that disconnect',
      allowed: [],
      lastsMs: 0,
      begin: async () => {
        for (let index = 0; index < 50; index += 1) {
          const session = hang();
          hangingCall(session, false);
          await sleep(10);
          session.destroy();
        }
        hanging.clear();
      },
      end: nothing,
    },
  ];
}

/** A call whose request is cut in the middle, or whose answer nobody reads. */
function hangingCall(session: http2.ClientHttp2Session, isCut: boolean): void {
  const stream = session.request({
    ':method': 'POST',
    ':path': '/v2.KeyManagementService/Status',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => undefined);
  stream.pause();
  // A frame that announces more bytes than follow; or an empty message, which is a whole request.
  if (isCut) stream.write(Buffer.from([0, 0, 0, 1, 0, 1]));
  else stream.end(Buffer.from([0, 0, 0, 0, 0]));
}
