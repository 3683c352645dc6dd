/** Health, readiness and metrics over HTTP, for the kubelet's probes and for Prometheus. Read only, and nothing of a tenant. */
import { createServer } from 'node:http';
import { CodedError } from '../errors';
import type { DriverMetrics } from './metrics';

export interface HealthOptions {
  /** 0 lets the system choose. */
  readonly port: number;
  readonly metrics: DriverMetrics;
  /** @throws CodedError when the driver cannot serve now. */
  readonly ready: () => Promise<void>;
}

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

/** /healthz: the process answers. /readyz: it can serve. /metrics: Prometheus text. @throws CodedError CONFIG_INVALID. */
export function serveHealth(options: HealthOptions): Promise<HealthServer> {
  const server = createServer(async (request, response) => {
    const answer = (code: number, body: string, type = 'text/plain; charset=utf-8') => {
      response.writeHead(code, { 'content-type': type });
      response.end(body);
    };
    if (request.url === '/healthz') return answer(200, 'ok');
    if (request.url === '/metrics') return answer(200, await options.metrics.render(), options.metrics.contentType);
    if (request.url !== '/readyz') return answer(404, 'not found');
    try {
      await options.ready();
      answer(200, 'ok');
    } catch (error) {
      answer(503, error instanceof CodedError ? `${error.code}: ${error.summary}` : 'not ready');
    }
  });
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new CodedError('CONFIG_INVALID', `the health port ${options.port} cannot be opened`, {
          remedy: 'Choose another --health-port; 0 turns it off.',
          cause,
        }),
      ),
    );
    server.listen(options.port, () => {
      const address = server.address();
      resolve({
        port: typeof address === 'object' && address ? address.port : options.port,
        close: () =>
          new Promise((done) => {
            server.close(() => done());
            server.closeAllConnections();
          }),
      });
    });
  });
}
