/**
 * A kubeconfig: the server and the credentials of one context. Files that it names are read at each use. Logins by
 * another program (`exec`, `auth-provider`) and unverified TLS are refused.
 */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import * as z from 'zod';
import { CodedError } from '../errors';
import { Secret } from '../secret';
import { apiServerAddress, type Credentials, type KubernetesEndpoint } from './access';

const named = <S extends z.ZodType>(key: string, shape: S) =>
  z.array(z.looseObject({ name: z.string(), [key]: shape })).default([]);

const clusterShape = z.looseObject({
  server: z.string(),
  'certificate-authority': z.string().optional(),
  'certificate-authority-data': z.base64().optional(),
  'insecure-skip-tls-verify': z.boolean().optional(),
  'tls-server-name': z.string().optional(),
  'proxy-url': z.string().optional(),
});
const userShape = z.looseObject({
  token: z.string().optional(),
  tokenFile: z.string().optional(),
  'client-certificate': z.string().optional(),
  'client-certificate-data': z.base64().optional(),
  'client-key': z.string().optional(),
  'client-key-data': z.base64().optional(),
});
const contextShape = z.looseObject({ cluster: z.string(), user: z.string() });
const shape = z.looseObject({
  'current-context': z.string().optional(),
  clusters: named('cluster', clusterShape),
  users: named('user', userShape),
  contexts: named('context', contextShape),
});

type User = z.output<typeof userShape>;
type Cluster = z.output<typeof clusterShape>;

/**
 * @param document the parsed file
 * @param folder of the file: relative paths in it start there
 * @throws CodedError CONFIG_INVALID; `readCredentials` throws CONFIG_UNREADABLE and CONFIG_INVALID.
 */
export function kubeconfigEndpoint(document: unknown, folder: string, contextName?: string): KubernetesEndpoint {
  const parsed = shape.safeParse(document);
  // The issues of the schema may quote values, and those are credentials.
  if (!parsed.success) throw invalid('is not of the form of a kubeconfig', 'Check it with kubectl config view.');
  const config = parsed.data;
  const wanted = contextName ?? config['current-context'] ?? '';
  const context = contextShape.parse(find(config.contexts, 'context', wanted));
  const cluster = clusterShape.parse(find(config.clusters, 'cluster', context.cluster));
  const user = userShape.parse(find(config.users, 'user', context.user));
  refuseWhatIsNotSupported(cluster, user);
  return {
    address: apiServerAddress(cluster.server),
    readCredentials: () => credentials(cluster, user, folder),
  };
}

function find(
  entries: readonly Readonly<Record<string, unknown>>[],
  kind: 'context' | 'cluster' | 'user',
  name: string,
): unknown {
  const found = entries.find((each) => each.name === name)?.[kind];
  if (found !== undefined) return found;
  const known = entries.map((each) => String(each.name)).join(', ') || 'none';
  throw invalid(`has no ${kind} ${JSON.stringify(name)}; it has: ${known}`, 'Name one of them, with --context.');
}

function refuseWhatIsNotSupported(cluster: Cluster, user: User): void {
  if (cluster['insecure-skip-tls-verify'] === true)
    throw invalid('turns the check of the certificate off', 'Give the CA of the cluster in it.');
  if (cluster['proxy-url'] !== undefined)
    throw invalid('asks for a proxy', 'Run where the API server can be reached directly.');
  const hasOwn = user.token ?? user.tokenFile ?? user['client-certificate'] ?? user['client-certificate-data'];
  if (hasOwn === undefined)
    throw invalid('has neither token nor client certificate', 'Give --server, --ca-file and --token-file instead.');
}

async function credentials(cluster: Cluster, user: User, folder: string): Promise<Credentials> {
  const read = async (what: string, data: string | undefined, file: string | undefined) => {
    if (data !== undefined) return Buffer.from(data, 'base64');
    return file === undefined ? undefined : readNamed(what, resolve(folder, file));
  };
  const ca = await read('CA', cluster['certificate-authority-data'], cluster['certificate-authority']);
  if (ca === undefined) throw invalid('has no CA', 'Give the CA of the cluster in it.');
  const certificate = await read('certificate', user['client-certificate-data'], user['client-certificate']);
  const key = await read('key', user['client-key-data'], user['client-key']);
  if ((certificate === undefined) !== (key === undefined))
    throw invalid('has only one of client certificate and key', 'Give both.');
  const token =
    user.token ?? (user.tokenFile === undefined ? undefined : (await readNamed('token', user.tokenFile)).toString());
  const serverName = cluster['tls-server-name'];
  return {
    caPem: ca.toString('latin1'),
    ...(token !== undefined && { token: Secret.fromText(token.trim()) }),
    ...(certificate && key && { client: { certificatePem: certificate.toString('latin1'), key: Secret.take(key) } }),
    ...(serverName !== undefined && { serverName }),
  };
}

async function readNamed(what: string, path: string): Promise<Buffer> {
  return readFile(path).catch((cause: unknown) => {
    throw new CodedError('CONFIG_UNREADABLE', `the ${what} in ${path}, which the kubeconfig names, cannot be read`, {
      remedy: 'Check that the file exists and may be read.',
      cause,
    });
  });
}

function invalid(fault: string, remedy: string): CodedError {
  return new CodedError('CONFIG_INVALID', `the kubeconfig ${fault}`, { remedy });
}
