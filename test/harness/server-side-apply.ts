/** Applies manifests to a real API server as GitOps tools do: server-side, with every unknown field refused. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonResponse } from './http-json';
import type { Kubernetes } from './kubernetes';

/** What it takes of an API server. */
export type KubernetesApi = Pick<Kubernetes, 'request' | 'expectOk'>;

export interface AppliedManifest {
  readonly apiVersion?: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

/** Applies one object. Any status is an answer. `fieldManager` is who owns the fields. */
export async function applyServerSide(
  kubernetes: KubernetesApi,
  manifest: AppliedManifest,
  fieldManager = 'keyward',
): Promise<JsonResponse> {
  const path = `${await pathOf(kubernetes, manifest)}?fieldManager=${fieldManager}&fieldValidation=Strict`;
  return kubernetes.request('PATCH', path, manifest, { contentType: 'application/apply-patch+yaml' });
}

/** Installs the CustomResourceDefinitions of test/fixtures/crds, and waits until the server knows their kinds. */
export async function installCrds(kubernetes: KubernetesApi): Promise<void> {
  const folder = join(__dirname, '../fixtures/crds');
  const crds = readdirSync(folder).flatMap((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')));
  for (const crd of crds) {
    await kubernetes.expectOk('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', crd);
  }
  for (const { spec } of crds) {
    const group = `/apis/${spec.group}/${spec.versions[0].name}`;
    await untilServed(
      async () => (await kindsOf(kubernetes, group)).has(spec.names.kind),
      `${group} ${spec.names.kind}`,
    );
  }
}

/** Where an object of a manifest is. */
async function pathOf(
  kubernetes: KubernetesApi,
  { apiVersion = 'v1', kind, metadata }: AppliedManifest,
): Promise<string> {
  const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const known = (await kindsOf(kubernetes, group)).get(kind);
  if (known === undefined) throw new Error(`the API server knows no ${kind} in ${apiVersion}`);
  if (!known.namespaced && metadata.namespace !== undefined) throw new Error(`a ${kind} bears no namespace`);
  const scope = known.namespaced ? `/namespaces/${metadata.namespace}` : '';
  return `${group}${scope}/${known.plural}/${metadata.name}`;
}

interface Kind {
  readonly plural: string;
  readonly namespaced: boolean;
}

async function kindsOf(kubernetes: KubernetesApi, group: string): Promise<ReadonlyMap<string, Kind>> {
  const { status, body } = await kubernetes.request('GET', group);
  if (status !== 200) return new Map();
  const resources = body.resources as readonly { name: string; kind: string; namespaced: boolean }[];
  return new Map(
    resources
      .filter(({ name }) => !name.includes('/'))
      .map(({ name, kind, namespaced }) => [kind, { plural: name, namespaced }]),
  );
}

const untilServedMs = 60_000;

async function untilServed(isServed: () => Promise<boolean>, what: string): Promise<void> {
  const end = Date.now() + untilServedMs;
  while (!(await isServed())) {
    if (Date.now() > end) throw new Error(`${what} is not served after ${untilServedMs} ms`);
    await sleep(100);
  }
}
