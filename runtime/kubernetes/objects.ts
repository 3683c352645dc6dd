/** The objects that the agent reads, checked: unknown JSON in, plain values out. Undefined: there is no such object. */
import * as z from 'zod';
import { isCoded } from '../errors';
import { Secret } from '../secret';
import { type KubernetesClient, path } from './client';
import { notUnderstood } from './errors';

export interface ObjectName {
  readonly namespace: string;
  readonly name: string;
}

const secretShape = z.object({ data: z.record(z.string(), z.base64()).nullish() });
const configMapShape = z.object({ data: z.record(z.string(), z.string()).nullish() });
const tokenShape = z.object({ status: z.object({ token: z.string().regex(/^[\x21-\x7e]+$/) }) });
const namespaceShape = z.object({ status: z.object({ phase: z.string().optional() }).optional() });

/** Values decoded, not trimmed. Who receives the Secrets zeroes them. */
export async function readSecret(
  client: KubernetesClient,
  { namespace, name }: ObjectName,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, Secret> | undefined> {
  const at = path(['api', 'v1', 'namespaces', namespace, 'secrets', name]);
  const answer = await client.request({ method: 'GET', path: at, ...(signal && { signal }) });
  if (!answer) return undefined;
  const { data } = parsed(secretShape, answer, `GET ${at}`);
  return new Map(Object.entries(data ?? {}).map(([key, value]) => [key, Secret.take(Buffer.from(value, 'base64'))]));
}

export async function readConfigMap(
  client: KubernetesClient,
  { namespace, name }: ObjectName,
  signal?: AbortSignal,
): Promise<Readonly<Record<string, string>> | undefined> {
  const at = path(['api', 'v1', 'namespaces', namespace, 'configmaps', name]);
  const answer = await client.request({ method: 'GET', path: at, ...(signal && { signal }) });
  return answer && (parsed(configMapShape, answer, `GET ${at}`).data ?? {});
}

/** The shortest life that Kubernetes gives: the token is used once, at once. */
const tokenSeconds = 600;

export async function createToken(
  client: KubernetesClient,
  { namespace, name, audience }: ObjectName & { readonly audience?: string },
  signal?: AbortSignal,
): Promise<Secret | undefined> {
  const at = path(['api', 'v1', 'namespaces', namespace, 'serviceaccounts', name, 'token']);
  const body = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: tokenSeconds, ...(audience !== undefined && { audiences: [audience] }) },
  };
  const answer = await client.request({ method: 'POST', path: at, body, ...(signal && { signal }) });
  return answer && Secret.fromText(parsed(tokenShape, answer, `POST ${at}`).status.token);
}

/**
 * Whether a namespace is gone, or on its way out, which cannot be stopped. With a namespace go the Roles in it, so that
 * what was a Secret yesterday is "forbidden" today, not "not found".
 */
export async function isNamespaceGone(
  client: KubernetesClient,
  namespace: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const at = path(['api', 'v1', 'namespaces', namespace]);
  try {
    const answer = await client.request({ method: 'GET', path: at, ...(signal && { signal }) });
    return !answer || parsed(namespaceShape, answer, `GET ${at}`).status?.phase === 'Terminating';
  } catch (error) {
    if (isCoded(error, 'KMS_DENIED')) return false;
    throw error;
  }
}

/** @throws KubernetesError KMS_ANSWER_INVALID for an answer of another shape. */
export function parsed<S extends z.ZodType>(shape: S, answer: unknown, doing: string): z.output<S> {
  const result = shape.safeParse(answer);
  if (result.success) return result.data;
  throw notUnderstood(doing, 'is not the object that was asked for');
}
