/** A real PyKMIP server on 127.0.0.1 with TLS 1.2 and client certificates; its keys are managed by a small script beside it. */
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { requireTool } from '../../tools/ensure';
import { type Certificate, type CertificateAuthority, createCertificateAuthority } from './certificates';
import { freePort } from './ports';
import { ServerProcess } from './server-process';

export interface PyKmip {
  readonly endpoint: string;
  readonly port: number;
  readonly ca: CertificateAuthority;
  /** The certificate of a client, whose common name is its identity. */
  client(commonName: string): Promise<Certificate>;
  /** Makes an active AES key that belongs to `owner`, for encryption; from these bytes when given. Returns its identifier. */
  createKey(owner: Certificate, keyHex?: string): Promise<string>;
  /** The key stays, and may be used no more. */
  revokeKey(owner: Certificate, identifier: string): Promise<void>;
  /** How many connections the server has taken so far. */
  readonly connections: number;
  readonly logTail: string;
  stop(): Promise<void>;
}

const execute = promisify(execFile);

/** @throws ToolError TOOL_NOT_PREPARED; Error with the end of the log when it does not start */
export async function startPyKmip(): Promise<PyKmip> {
  const server = new ServerProcess('pykmip');
  try {
    const ca = await createCertificateAuthority(server.folder);
    const { certificateFile, keyFile } = await ca.issueServer('kmip-server', ['kmip.test']);
    const port = await freePort();
    const configFile = join(server.folder, 'server.conf');
    mkdirSync(join(server.folder, 'policy'));
    writeFileSync(
      configFile,
      [
        '[server]',
        'hostname=127.0.0.1',
        `port=${port}`,
        `certificate_path=${certificateFile}`,
        `key_path=${keyFile}`,
        `ca_path=${ca.caFile}`,
        'auth_suite=TLS1.2',
        `policy_path=${join(server.folder, 'policy')}`,
        'enable_tls_client_auth=True',
        'logging_level=INFO',
        `database_path=${join(server.folder, 'db.sqlite')}`,
        // The default knows ciphers with RSA certificates only; ours are ECDSA.
        'tls_cipher_suites=TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
        '',
      ].join('\n'),
    );
    const { python, site } = interpreterOf(requireTool('pykmip'));
    const args = ['-c', oneProcess, '-f', configFile, '-l', join(server.folder, 'server.log')];
    await server.start({ command: python, args, env: { PYTHONPATH: site }, isHealthy: () => canConnect(port) });
    const readLog = () => readFileSync(join(server.folder, 'server.log'), 'utf8');
    const manage = (owner: Certificate, ...words: readonly string[]) =>
      manageKeys(server.folder, { port, caFile: ca.caFile, owner }, words);
    return {
      endpoint: `127.0.0.1:${port}`,
      port,
      ca,
      client: (commonName) => ca.issueClient(commonName),
      createKey: (owner, keyHex) => manage(owner, 'create', ...(keyHex === undefined ? [] : [keyHex])),
      revokeKey: async (owner, identifier) => void (await manage(owner, 'revoke', identifier)),
      get connections() {
        return readLog().match(/Receiving incoming connection/g)?.length ?? 0;
      },
      get logTail() {
        return `${server.logTail}\n${readLog().slice(-4_000)}`;
      },
      stop: () => {
        // It answers SIGTERM at the end of its ten seconds of waiting for a client; nothing of its state is wanted.
        if (server.pid !== undefined) process.kill(server.pid, 'SIGKILL');
        return server.stop();
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/**
 * The server without the two processes that it starts for watching its folder of policies, which is empty here: they would
 * outlive it when it is killed, and hold its output open.
 */
const oneProcess = `
import sys, multiprocessing, multiprocessing.dummy as threads
multiprocessing.Process, multiprocessing.Event, multiprocessing.Manager = threads.Process, threads.Event, threads.Manager
from kmip.services.server import monitor
monitor.PolicyDirectoryMonitor.run = lambda self: None
from kmip.services.server.server import main
sys.exit(main())
`;

/** PyKMIP's own client, so that the keys under test are made by other code than ours. */
const manager = `
import sys
from kmip.pie.client import ProxyKmipClient
from kmip.pie import objects
from kmip import enums
port, ca, cert, key, verb, *rest = sys.argv[1:]
masks = [enums.CryptographicUsageMask.ENCRYPT, enums.CryptographicUsageMask.DECRYPT]
aes = enums.CryptographicAlgorithm.AES
with ProxyKmipClient(hostname='127.0.0.1', port=int(port), cert=cert, key=key, ca=ca, ssl_version='PROTOCOL_TLSv1_2',
                     kmip_version=enums.KMIPVersion.KMIP_1_4) as client:
    if verb == 'create':
        if rest:
            raw = bytes.fromhex(rest[0])
            uid = client.register(objects.SymmetricKey(aes, len(raw) * 8, raw, masks=masks))
        else:
            uid = client.create(aes, 256, operation_policy_name='default', cryptographic_usage_mask=masks)
        client.activate(uid)
        print(uid)
    else:
        client.revoke(enums.RevocationReasonCode.CESSATION_OF_OPERATION, uid=rest[0])
        print('revoked')
`;

async function manageKeys(
  folder: string,
  { port, caFile, owner }: { readonly port: number; readonly caFile: string; readonly owner: Certificate },
  words: readonly string[],
): Promise<string> {
  const script = join(folder, 'manage.py');
  writeFileSync(script, manager);
  const { python, site } = interpreterOf(requireTool('pykmip'));
  const args = [script, `${port}`, caFile, owner.certificateFile, owner.keyFile, ...words];
  const { stdout } = await execute(python, args, { env: { PYTHONPATH: site, HOME: folder }, timeout: 60_000 });
  return stdout.trim().split('\n').at(-1) ?? '';
}

/** The launcher names both. */
function interpreterOf(launcher: string): { python: string; site: string } {
  const [, site, python] = /PYTHONPATH='([^']+)' exec '([^']+)'/.exec(readFileSync(launcher, 'utf8')) ?? [];
  if (site === undefined || python === undefined) throw new Error(`${launcher} is no launcher of a Python component`);
  return { python, site };
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
