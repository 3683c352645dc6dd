/** From addresses and files to clients: all API servers of the cluster, and etcd where it is given. */
import { readFile } from 'node:fs/promises';
import { CodedError } from '../errors';
import { apiServerAddress, type KubernetesAccess, type KubernetesEndpoint } from '../kubernetes/access';
import { KubernetesClient } from '../kubernetes/client';
import { apiServerAddresses } from './api-servers';
import { EtcdReader } from './etcd-reader';

const timeoutMs = 30_000;
const remedyWhenForbidden =
  'Give the rights of docs/etcd-rotation.md: get on /metrics, and list, get and patch on what is rewritten.';

/**
 * One client an API server: those that are named, else those that the cluster itself names, else the one that was given.
 * @throws CodedError of the client, CONFIG_INVALID.
 */
export async function connectToApiServers(
  endpoint: KubernetesAccess | KubernetesEndpoint,
  named: readonly string[],
): Promise<[KubernetesClient, ...KubernetesClient[]]> {
  const connect = (address: string) => new KubernetesClient({ ...endpoint, address, timeoutMs, remedyWhenForbidden });
  const own = connect(endpoint.address);
  const addresses = named.length > 0 ? named.map(apiServerAddress) : await apiServerAddresses(own);
  const [first, ...others] = new Set(addresses);
  if (first === undefined) return [own];
  own.close();
  return [connect(first), ...others.map(connect)];
}

export interface EtcdFlags {
  readonly etcd?: readonly string[];
  readonly etcdCa?: string;
  readonly etcdCert?: string;
  readonly etcdKey?: string;
  readonly etcdPrefix: string;
}

/** Undefined when no address is given. @throws CodedError CONFIG_INVALID, CONFIG_UNREADABLE. */
export async function connectToEtcd(flags: EtcdFlags): Promise<EtcdReader | undefined> {
  const { etcd: addresses = [], etcdCa, etcdCert, etcdKey, etcdPrefix: prefix } = flags;
  if ((etcdCert === undefined) !== (etcdKey === undefined)) {
    throw new CodedError('CONFIG_INVALID', 'only one of --etcd-cert and --etcd-key is given', { remedy: 'Give both.' });
  }
  if (addresses.length === 0) return undefined;
  const [ca, cert, key] = await Promise.all([etcdCa, etcdCert, etcdKey].map(readOptional));
  return new EtcdReader({ addresses, prefix, tls: { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) } });
}

async function readOptional(path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined) return undefined;
  return readFile(path).catch((cause: unknown) => {
    throw new CodedError('CONFIG_UNREADABLE', `${path} cannot be read`, {
      remedy: 'Check that the file exists and may be read.',
      cause,
    });
  });
}
