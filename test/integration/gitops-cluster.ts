/** The stack of stacks/gitops on servers of the tests: its values with their addresses, its files, and its pods as processes. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'cdk8s';
import { parseAllDocuments } from 'yaml';
import { Secret } from '../../runtime/secret';
import { declareFolders, type GitopsProps, writeFolders } from '../../stacks/gitops/folders';
import { delivery, namespace, storage } from '../../stacks/gitops/values';
import { containerCommand } from '../../tools/local-pod/container-command';
import { type LocalPod, startPod } from '../../tools/local-pod/local-pod';
import { Manifests } from '../../tools/local-pod/manifests';
import { podTemplate } from '../../tools/local-pod/pod-template';
import { placeVolumes, type SecretObject } from '../../tools/local-pod/pod-volumes';
import type { Kubernetes } from '../harness/kubernetes';
import type { OpenBao } from '../harness/openbao';
import type { AppliedManifest } from '../harness/server-side-apply';

/** What is in one folder, as a controller reads it. */
export interface Folder {
  readonly name: string;
  readonly objects: readonly AppliedManifest[];
}

/**
 * The values of the stack with what is another here: where the servers are, and that OpenBao, which runs in no pod, has each
 * token review itself. Such a token is shown to the API server, so it has no audience of its own.
 */
export function valuesFor({ address }: OpenBao, { url, caPem }: Kubernetes): GitopsProps<'passphrase' | 'tenants'> {
  const { passphrase, tenants } = storage.kms;
  if (tenants.type !== 'vaulttenantsa') throw new Error('the stack shows a KMS that comes as the tenant');
  const { audience: _, ...kms } = tenants;
  return {
    namespace,
    delivery,
    storage: {
      ...storage,
      kms: { passphrase, tenants: { ...kms, address } },
      vaultState: {
        ...storage.vaultState,
        login: { kubernetesHost: url, kubernetesCaCert: caPem, reviewer: { mode: 'client-token' } },
      },
    },
  };
}

/** Writes the files and reads them again, in the order in which the folders are applied. */
export function synthesised(values: GitopsProps<'passphrase' | 'tenants'>, outdir: string): readonly Folder[] {
  const folders = declareFolders(new App({ outdir }), values);
  writeFolders(outdir, folders);
  return [...folders.keys()].map((name) => {
    const text = readFileSync(join(outdir, name, `${name}.k8s.yaml`), 'utf8');
    return { name, objects: parseAllDocuments(text).map((document): AppliedManifest => document.toJS()) };
  });
}

/** The pods of the documents that are in the API server. */
export class Pods {
  readonly folder = mkdtempSync(join(tmpdir(), 'kg-'));
  readonly #kubernetes: Kubernetes;
  readonly #secrets: readonly SecretObject[];
  readonly #executable: string;

  constructor(kubernetes: Kubernetes, secrets: readonly SecretObject[], executable: string) {
    this.#kubernetes = kubernetes;
    this.#secrets = secrets;
    this.#executable = executable;
  }

  /** Runs the container of a Job to its end. */
  async runJob(
    name: string,
  ): Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }> {
    const manifests = await this.#documents();
    const { body } = await this.#kubernetes.expectOk('GET', `/apis/batch/v1/namespaces/${namespace}/jobs/${name}`);
    const { serviceAccountName } = body.spec.template.spec;
    const template = podTemplate.parse(body.spec.template);
    const [container] = template.spec.containers;
    if (container === undefined) throw new Error(`the Job ${name} has no container`);
    const audiences = template.spec.volumes.flatMap(({ projected }) =>
      (projected?.sources ?? []).flatMap(({ serviceAccountToken }) => serviceAccountToken?.audience ?? []),
    );
    const serviceAccountToken = Secret.fromText(
      await this.#kubernetes.serviceAccountToken(namespace, serviceAccountName, audiences),
    );
    const state = { manifests, secrets: this.#secrets, serviceAccountToken };
    const root = join(this.folder, 'job');
    const paths = placeVolumes(root, { template, namespace }, container, state);
    const facts = { nodeName: hostname(), namespace, podName: name, ports: new Map<number, number>() };
    const { args, env } = containerCommand(container, facts, paths);
    return spawnSync(process.execPath, [this.#executable, ...args], { encoding: 'utf8', env, timeout: 120_000 });
  }

  /** Starts the tenant agent of the DaemonSet, with the token of the pods' service account. */
  async startAgent(): Promise<LocalPod> {
    const { url } = this.#kubernetes;
    const { hostname: host, port } = new URL(url);
    const root = join(this.folder, 'node');
    const inPod = join(root, 'pod/api-access');
    // What a container has and a process has not: the kubelet's environment, and /var/run/secrets.
    const script = `KUBERNETES_SERVICE_HOST=${host} KUBERNETES_SERVICE_PORT=${port} exec "$0" "$@" --ca=${inPod}/ca.crt --token-file=${inPod}/token`;
    return startPod({
      manifests: await this.#documents(),
      container: 'tenant-agent',
      root,
      nodeName: hostname(),
      command: ['/bin/sh', '-c', script, process.execPath, this.#executable],
      secrets: this.#secrets,
      serviceAccountToken: Secret.fromText(await this.driverToken()),
    });
  }

  /** What the driver's container is told, with the files where it is told that they are. */
  async driver(): Promise<ReadonlyMap<string, string>> {
    const manifests = await this.#documents();
    const source = manifests.daemonSet();
    const container = source.template.spec.containers.find(({ name }) => name === 'keyward');
    if (container === undefined) throw new Error('the DaemonSet has no container keyward');
    const paths = placeVolumes(join(this.folder, 'node'), source, container, { manifests, secrets: this.#secrets });
    const facts = { nodeName: hostname(), namespace, podName: 'local', ports: new Map<number, number>() };
    const { args } = containerCommand(container, facts, paths);
    return new Map(
      args.flatMap((arg) => {
        const [, flag, value] = /^--([\w-]+)=(.*)$/.exec(arg) ?? [];
        return flag === undefined || value === undefined ? [] : [[flag, value] as const];
      }),
    );
  }

  /** A token of the service account of the DaemonSet. */
  async driverToken(): Promise<string> {
    const { body } = await this.#kubernetes.expectOk('GET', `/apis/apps/v1/namespaces/${namespace}/daemonsets`);
    const { serviceAccountName } = body.items[0].spec.template.spec;
    return this.#kubernetes.serviceAccountToken(namespace, serviceAccountName);
  }

  /** As the API server has them, and the CA that its controller would put into each namespace. */
  async #documents(): Promise<Manifests> {
    const list = async (
      kind: string,
      path: string,
    ): Promise<readonly { kind: string; metadata: { name: string } }[]> => {
      const { body } = await this.#kubernetes.expectOk('GET', path);
      return body.items.map((item: object) => ({ ...item, kind }));
    };
    const objects = [
      ...(await list('ConfigMap', `/api/v1/namespaces/${namespace}/configmaps`)),
      ...(await list('DaemonSet', `/apis/apps/v1/namespaces/${namespace}/daemonsets`)),
      {
        kind: 'ConfigMap',
        metadata: { name: 'kube-root-ca.crt', namespace },
        data: { 'ca.crt': this.#kubernetes.caPem },
      },
    ];
    return new Manifests(objects, '');
  }
}
