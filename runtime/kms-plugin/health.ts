/**
 * Health, readiness and metrics over HTTP. Liveness never depends on Vault: a kubelet that restarts the plugin while Vault
 * is away takes the key id and the local KEK from the API server, and mends nothing.
 *
 * `/livez`, and `/health` and `/live` of vault-kubernetes-kms: the process answers. `/readyz`: the key works, or an outage
 * is younger than the grace. `/metrics`: Prometheus text.
 */
import { createServer, type Server } from 'node:http';
import type { CodedError } from '../errors';
import type { Log } from '../log';

export interface HealthOptions {
  readonly address: string;
  /** 0: off. */
  readonly port: number;
  /** What is wrong now; undefined: nothing. */
  readonly trouble: () => CodedError | undefined;
  readonly metrics: { metrics(): Promise<string>; readonly contentType: string };
  readonly log: Log;
}

export interface HealthPort {
  close(): Promise<void>;
}

const retryMs = 30_000;
const livePaths = ['/livez', '/health', '/live'];

/** Never fails: an API server must not lose its KMS because another process has the port. It is tried again and again. */
export async function openHealthPort(options: HealthOptions): Promise<HealthPort> {
  if (options.port === 0) return { close: async () => undefined };
  const server = createServer(async (request, response) => {
    const answer = (status: number, body: string, type = 'text/plain; charset=utf-8') => {
      response.writeHead(status, { 'content-type': type });
      response.end(body);
    };
    const path = request.url?.split('?')[0] ?? '';
    if (livePaths.includes(path)) return answer(200, 'ok');
    if (path === '/metrics') return answer(200, await options.metrics.metrics(), options.metrics.contentType);
    if (path !== '/readyz') return answer(404, 'not found');
    const trouble = options.trouble();
    if (trouble) answer(503, `${trouble.code}: ${trouble.summary}`);
    else answer(200, 'ok');
  });
  server.maxConnections = 64;
  server.requestTimeout = 10_000;
  let timer: NodeJS.Timeout | undefined;
  const listen = () =>
    new Promise<void>((resolve) => {
      server.once('error', (error) => {
        options.log.warn('the health port cannot be opened; it is tried again', {
          address: `${options.address}:${options.port}`,
          error,
        });
        timer = setTimeout(() => void listen(), retryMs);
        resolve();
      });
      server.listen(options.port, options.address, () => {
        server.removeAllListeners('error');
        resolve();
      });
    });
  await listen();
  return {
    close: async () => {
      clearTimeout(timer);
      await closed(server);
    },
  };
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
