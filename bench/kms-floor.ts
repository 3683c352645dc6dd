/** For benchmark `kms`: the least that a fetch can cost, the bare request over node:https with nothing before or after it. */
import { Agent, request } from 'node:https';
import { type BenchedType, type KmsServer, kvMount, transitKey, transitMount } from './kms-server';

export interface Floor {
  /** Gives the body of the answer, not parsed. @throws Error for a status other than 200. */
  send(type: BenchedType, volumeId: string): Promise<Buffer>;
  close(): void;
}

interface Bare {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: string;
}

/** The requests are made up beforehand: the path of the KV entry, and the whole body for transit. */
export async function openFloor(server: KmsServer, sockets: number): Promise<Floor> {
  const { address, caPem: ca, token } = server;
  const { hostname, port } = new URL(address);
  const agent = new Agent({ keepAlive: true, maxSockets: sockets, ca });
  const requests = new Map<string, Bare>();
  for (const volumeId of server.volumeIds) {
    requests.set(`vault ${volumeId}`, { method: 'GET', path: `/v1/${kvMount}/data/${volumeId}` });
    requests.set(`vaulttransit ${volumeId}`, await decryption(server, volumeId));
  }
  const send = (bare: Bare): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const { method, path, body } = bare;
      const headers = {
        'X-Vault-Request': 'true',
        'X-Vault-Token': token,
        ...(body !== undefined && { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }),
      };
      const outgoing = request({ agent, hostname, port, path, method, headers }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          if (answer.statusCode === 200) resolve(Buffer.concat(chunks));
          else reject(new Error(`${method} ${path} answered ${answer.statusCode}`));
        });
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  return {
    async send(type, volumeId) {
      const bare = requests.get(`${type} ${volumeId}`);
      if (bare === undefined) throw new Error(`no request for ${type} ${volumeId}`);
      return send(bare);
    },
    close: () => agent.destroy(),
  };
}

async function decryption({ wrappedKeys }: KmsServer, volumeId: string): Promise<Bare> {
  const binding = Buffer.from(volumeId).toString('base64');
  const item = { ciphertext: await wrappedKeys(volumeId).read(), associated_data: binding, context: binding };
  const body = JSON.stringify({ batch_input: [item] });
  return { method: 'POST', path: `/v1/${transitMount}/decrypt/${transitKey}`, body };
}
