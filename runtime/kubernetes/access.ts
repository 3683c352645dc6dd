/** How the API server is reached: what the kubelet mounts into a pod, or what the command line says. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '../errors';
import { Secret } from '../secret';

/** Where to find address, CA and token. Files are read again and again: the kubelet replaces both. */
export interface KubernetesAccess {
  /** `https://host:port`. */
  readonly address: string;
  readonly caFile: string;
  readonly tokenFile: string;
}

/** Where a pod finds what the API needs. */
const podFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

/** @throws CodedError CONFIG_INVALID outside of a pod, when a flag is missing; or for an address that is not one. */
export function kubernetesAccess(
  given: Partial<KubernetesAccess>,
  env: Readonly<Record<string, string | undefined>>,
): KubernetesAccess {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = env;
  const inCluster = host === undefined ? undefined : `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const address = given.address ?? inCluster;
  if (address === undefined) {
    throw new CodedError('CONFIG_INVALID', 'it is not known where the Kubernetes API is', {
      remedy: 'Run in a pod, or give --api-server, --ca and --token-file.',
    });
  }
  return {
    address: apiServerAddress(address),
    caFile: given.caFile ?? join(podFolder, 'ca.crt'),
    tokenFile: given.tokenFile ?? join(podFolder, 'token'),
  };
}

/** @throws CodedError CONFIG_INVALID for anything but `https://host:port`. */
export function apiServerAddress(address: string): string {
  if (/^https:\/\/[^/@?#\s]+\/?$/.test(address) && URL.canParse(address)) return new URL(address).origin;
  throw new CodedError('CONFIG_INVALID', 'the address of the Kubernetes API is not https://host:port', {
    remedy: 'Write it as https://host:port, without a path.',
  });
}

/** The namespace of the pod. @throws CodedError CONFIG_INVALID. */
export async function ownNamespace(
  given: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  if (given !== undefined) return given;
  if (env.POD_NAMESPACE !== undefined) return env.POD_NAMESPACE;
  try {
    return (await readFile(join(podFolder, 'namespace'), 'utf8')).trim();
  } catch (error) {
    throw new CodedError('CONFIG_INVALID', 'the namespace of the driver is not known', {
      remedy: 'Set POD_NAMESPACE, or give --namespace.',
      cause: error,
    });
  }
}

/** What one connection is made with: a token, a client certificate, or both. */
export interface Credentials {
  readonly caPem: string;
  readonly token?: Secret;
  readonly client?: { readonly certificatePem: string; readonly key: Secret };
  /** Name to expect in the certificate, when it is not the host of the address. */
  readonly serverName?: string;
}

/** An API server with its own way to the credentials, for example a kubeconfig. */
export interface KubernetesEndpoint {
  /** `https://host:port`. */
  readonly address: string;
  /** Called again every minute and when the server refuses what it was shown. */
  readonly readCredentials: () => Promise<Credentials>;
}

/** @throws CodedError CONFIG_UNREADABLE. */
export async function readCredentials({ caFile, tokenFile }: KubernetesAccess): Promise<Credentials> {
  const caPem = await readText(caFile, 'the CA of the Kubernetes API');
  if (!caPem.includes('-----BEGIN CERTIFICATE-----'))
    throw unreadable(caFile, 'the CA of the Kubernetes API', 'holds no certificate');
  const token = (await readText(tokenFile, 'the token for the Kubernetes API')).trim();
  if (!/^[\x21-\x7e]+$/.test(token)) throw unreadable(tokenFile, 'the token for the Kubernetes API', 'holds no token');
  return { caPem, token: Secret.fromText(token) };
}

async function readText(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw unreadable(path, what, 'cannot be read', error);
  }
}

function unreadable(path: string, what: string, fault: string, cause?: unknown): CodedError {
  return new CodedError('CONFIG_UNREADABLE', `${what} in ${path} ${fault}`, {
    remedy: 'See that the path is right and, in a pod, that token and CA of the service account are mounted.',
    cause,
  });
}
