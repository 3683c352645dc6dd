/** A real Kubernetes API on 127.0.0.1: etcd and kube-apiserver with RBAC and service account tokens; no controllers, no nodes. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireTool } from '../../tools/ensure';
import { type CertificateAuthority, createCertificateAuthority } from './certificates';
import { type JsonResponse, requestJson } from './http-json';
import { freePort } from './ports';
import { type ServerCommand, ServerProcess } from './server-process';

export interface KubernetesOptions {
  /** Further flags of kube-apiserver, for example `--encryption-provider-config=FILE`. */
  readonly apiServerArgs?: readonly string[];
}

export interface KubernetesRequestOptions {
  /** @default the admin's token */
  readonly token?: string;
  /** @default application/json */
  readonly contentType?: string;
}

/** @throws ToolError TOOL_NOT_PREPARED when a server was not built; Error with the log's end when one does not start */
export async function startKubernetes(options: KubernetesOptions = {}): Promise<Kubernetes> {
  const etcd = new ServerProcess('etcd');
  try {
    const etcdUrl = await startEtcd(etcd);
    const authority = await createCertificateAuthority(etcd.folder);
    const adminToken = randomBytes(24).toString('hex');
    return await startApiServer({ etcd, etcdUrl, authority, adminToken }, options);
  } catch (error) {
    await etcd.stop();
    throw error;
  }
}

/** What the API servers of one cluster share. */
interface Cluster {
  readonly etcd: ServerProcess;
  readonly etcdUrl: string;
  readonly authority: CertificateAuthority;
  readonly adminToken: string;
}

async function startApiServer(cluster: Cluster, options: KubernetesOptions, isFurther = false): Promise<Kubernetes> {
  const apiServer = new ServerProcess('kube-apiserver');
  try {
    const { authority, etcdUrl, adminToken } = cluster;
    const port = await freePort();
    const url = `https://127.0.0.1:${port}`;
    const isHealthy = async () => {
      const headers = { authorization: `Bearer ${adminToken}` };
      const ready = await requestJson({ url: `${url}/readyz`, headers, caPem: authority.caPem, timeoutMs: 5000 });
      return ready.status === 200;
    };
    const flags = await apiServerFlags({ folder: apiServer.folder, authority, etcdUrl, port, adminToken });
    const command = (more: readonly string[]) => ({
      command: requireTool('kube-apiserver'),
      args: [...flags, ...more],
      isHealthy,
    });
    await apiServer.start(command(options.apiServerArgs ?? []));
    return new Kubernetes({ cluster, apiServer, command, url, isFurther });
  } catch (error) {
    await apiServer.stop();
    throw error;
  }
}

interface Parts {
  readonly cluster: Cluster;
  readonly apiServer: ServerProcess;
  readonly command: (more: readonly string[]) => ServerCommand;
  readonly url: string;
  /** One more API server of a cluster: it leaves etcd alone when it ends. */
  readonly isFurther: boolean;
}

export class Kubernetes {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** `https://127.0.0.1:PORT`; survives `restart`. */
  get url(): string {
    return this.#parts.url;
  }

  get caPem(): string {
    return this.#parts.cluster.authority.caPem;
  }

  get caFile(): string {
    return this.#parts.cluster.authority.caFile;
  }

  /** Bearer token of a member of system:masters. */
  get adminToken(): string {
    return this.#parts.cluster.adminToken;
  }

  /** etcd's client address, with its JSON gateway under /v3. */
  get etcdUrl(): string {
    return this.#parts.cluster.etcdUrl;
  }

  get logTail(): string {
    return this.#parts.apiServer.logTail;
  }

  /** Sends one API request; `path` begins with `/api` or `/apis`. Any status is an answer. */
  request(method: string, path: string, body?: unknown, options: KubernetesRequestOptions = {}): Promise<JsonResponse> {
    const { url, caPem, adminToken } = this;
    const headers = {
      authorization: `Bearer ${options.token ?? adminToken}`,
      'content-type': options.contentType ?? 'application/json',
    };
    return requestJson({ url: `${url}${path}`, method, headers, body, caPem });
  }

  /** As `request`, but a status of 400 or more is an error that shows the answer. */
  async expectOk(
    method: string,
    path: string,
    body?: unknown,
    options: KubernetesRequestOptions = {},
  ): Promise<JsonResponse> {
    const response = await this.request(method, path, body, options);
    if (response.status < 400) return response;
    throw new Error(`Kubernetes: ${method} ${path} answered ${response.status}: ${JSON.stringify(response.body)}`);
  }

  /** A token of a service account, from the TokenRequest API. */
  async serviceAccountToken(namespace: string, name: string, audiences: readonly string[] = []): Promise<string> {
    const spec = { audiences, expirationSeconds: 3600 };
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
    const { body } = await this.expectOk('POST', path, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec,
    });
    return body.status.token;
  }

  /** Ends the API server; `restart` starts it again. etcd runs on. */
  async halt(): Promise<void> {
    await this.#parts.apiServer.halt();
  }

  /** Ends the API server and starts it again on the same address, with these further flags; etcd runs on. */
  async restart(apiServerArgs: readonly string[] = []): Promise<void> {
    await this.halt();
    await this.#parts.apiServer.start(this.#parts.command(apiServerArgs));
  }

  /** One more API server on the same etcd, with the same CA and tokens. Stop it before the first one. */
  another(options: KubernetesOptions = {}): Promise<Kubernetes> {
    return startApiServer(this.#parts.cluster, options, true);
  }

  async stop(): Promise<void> {
    await this.#parts.apiServer.stop();
    if (!this.#parts.isFurther) await this.#parts.cluster.etcd.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

async function startEtcd(etcd: ServerProcess): Promise<string> {
  const [clientPort, peerPort] = [await freePort(), await freePort()];
  const clientUrl = `http://127.0.0.1:${clientPort}`;
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  await etcd.start({
    command: requireTool('etcd'),
    args: [
      ...['--name=test', `--data-dir=${join(etcd.folder, 'data')}`, '--unsafe-no-fsync', '--log-level=warn'],
      ...[`--listen-client-urls=${clientUrl}`, `--advertise-client-urls=${clientUrl}`],
      ...[`--listen-peer-urls=${peerUrl}`, `--initial-advertise-peer-urls=${peerUrl}`],
      `--initial-cluster=test=${peerUrl}`,
    ],
    isHealthy: async () => (await requestJson({ url: `${clientUrl}/health`, timeoutMs: 5000 })).status === 200,
  });
  return clientUrl;
}

interface ApiServer {
  readonly folder: string;
  readonly authority: CertificateAuthority;
  readonly etcdUrl: string;
  readonly port: number;
  readonly adminToken: string;
}

async function apiServerFlags({ folder, authority, etcdUrl, port, adminToken }: ApiServer): Promise<readonly string[]> {
  const serving = await authority.issueServer('kube-apiserver', ['kubernetes.default.svc']);
  // Any key pair signs service account tokens; a certificate serves as its public half.
  const signing = await authority.issueClient('service-accounts');
  const tokenFile = join(folder, 'tokens.csv');
  writeFileSync(tokenFile, `${adminToken},admin,admin,system:masters\n`, { mode: 0o600 });
  return [
    ...['--bind-address=127.0.0.1', `--secure-port=${port}`, '--advertise-address=127.0.0.1'],
    ...[`--tls-cert-file=${serving.certificateFile}`, `--tls-private-key-file=${serving.keyFile}`],
    ...[`--etcd-servers=${etcdUrl}`, '--service-cluster-ip-range=10.0.0.0/24', '--endpoint-reconciler-type=none'],
    ...['--authorization-mode=RBAC', `--token-auth-file=${tokenFile}`, `--cert-dir=${folder}`],
    '--service-account-issuer=https://kubernetes.default.svc',
    ...[
      `--service-account-key-file=${signing.certificateFile}`,
      `--service-account-signing-key-file=${signing.keyFile}`,
    ],
    '--profiling=false',
  ];
}
