/** The API server of a kubeconfig, as far as the stand-in needs it: server-side apply, read, delete. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { type JsonResponse, requestJson } from '../http-json';

/** A Kubernetes object, or what a program declares of it. */
export interface ClusterObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

interface Kubeconfig {
  readonly clusters: readonly { readonly cluster: { readonly server: string; 'certificate-authority-data': string } }[];
  readonly users: readonly { readonly user: { readonly token: string } }[];
}

interface ApiResource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

const fieldManager = 'pulumi-kubernetes-standin';
const pollMs = 50;
/** Pods of a namespace end on their node first. */
const deletionDeadlineMs = 300_000;

export class ClusterApi {
  readonly #kubeconfigFile: string;
  readonly #discovered = new Map<string, readonly ApiResource[]>();

  /** The file holds one cluster and one user with a token. It is read at each request. */
  constructor(kubeconfigFile: string) {
    this.#kubeconfigFile = kubeconfigFile;
  }

  /** Creates the object or takes over every declared field of it. */
  async apply(object: ClusterObject): Promise<ClusterObject> {
    const path = `${await this.#path(object)}?fieldManager=${fieldManager}&force=true`;
    return expectOk(await this.#request('PATCH', path, object, 'application/apply-patch+yaml'), `applying ${path}`);
  }

  /** Undefined: there is no such object. */
  async read(object: ClusterObject): Promise<ClusterObject | undefined> {
    const path = await this.#path(object);
    const answer = await this.#request('GET', path);
    return answer.status === 404 ? undefined : expectOk(answer, `reading ${path}`);
  }

  /** Resolves when the object is gone. */
  async delete(object: ClusterObject): Promise<void> {
    const path = await this.#path(object);
    const isUncontrolled = object.kind === 'Namespace' && !(await this.#hasControllers(path));
    const answer = await this.#request('DELETE', path);
    if (answer.status === 404) return;
    expectOk(answer, `deleting ${path}`);
    if (isUncontrolled) await this.#finalize(path);
    for (const deadlineMs = Date.now() + deletionDeadlineMs; (await this.#request('GET', path)).status !== 404; ) {
      if (Date.now() > deadlineMs) throw new Error(`${path} is not gone`);
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }

  /** Where controllers run, they gave the namespace this account, and they empty it before it goes. */
  async #hasControllers(namespacePath: string): Promise<boolean> {
    return (await this.#request('GET', `${namespacePath}/serviceaccounts/default`)).status === 200;
  }

  /** The part of the namespace controller, where an API server is alone. */
  async #finalize(path: string): Promise<void> {
    const { body } = await this.#request('GET', path);
    expectOk(
      await this.#request('PUT', `${path}/finalize`, { ...body, spec: { finalizers: [] } }),
      `finalizing ${path}`,
    );
  }

  async #path({ apiVersion, kind, metadata: { name, namespace } }: ClusterObject): Promise<string> {
    const base = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const found = (await this.#resources(base)).find((it) => it.kind === kind && !it.name.includes('/'));
    if (found === undefined) throw new Error(`the cluster has no ${kind} in ${apiVersion}`);
    const place = found.namespaced ? `namespaces/${namespace ?? 'default'}/` : '';
    return `${base}/${place}${found.name}/${name}`;
  }

  async #resources(base: string): Promise<readonly ApiResource[]> {
    const known = this.#discovered.get(base);
    if (known !== undefined) return known;
    const { resources } = expectOk(await this.#request('GET', base), `discovering ${base}`);
    this.#discovered.set(base, resources);
    return resources;
  }

  #request(method: string, path: string, body?: unknown, contentType = 'application/json'): Promise<JsonResponse> {
    const { clusters, users } = parse(readFileSync(this.#kubeconfigFile, 'utf8')) as Kubeconfig;
    const [cluster, user] = [clusters[0]?.cluster, users[0]?.user];
    if (cluster === undefined || user === undefined) throw new Error('the kubeconfig has no cluster or no user');
    return requestJson({
      url: `${cluster.server}${path}`,
      method,
      headers: { authorization: `Bearer ${user.token}`, 'content-type': contentType },
      body,
      caPem: Buffer.from(cluster['certificate-authority-data'], 'base64').toString(),
    });
  }
}

function expectOk({ status, body }: JsonResponse, doing: string): JsonResponse['body'] {
  if (status < 400) return body;
  throw new Error(`${doing}: the API server answered ${status}: ${body?.message ?? JSON.stringify(body)}`);
}
