/** Waits until every API server reports one key id, and then sees that each of them also writes under it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfAborted } from '../async/deadline';
import { CodedError, isCoded } from '../errors';
import type { KubernetesClient } from '../kubernetes/client';
import { agreement } from './agreement';
import { askAll, haveThemAsk, missingServers } from './api-servers';
import type { Listed } from './listing';
import type { ListedObject } from './objects';
import type { Resource } from './resources';
import type { ServerReport } from './server-report';
import { isKmsV2, providerName } from './stored-value';
import { type Target, writerOf } from './writers';

export interface SettleOptions {
  readonly servers: readonly KubernetesClient[];
  /** Hash of the key id that is expected; undefined: whichever they report. */
  readonly wanted?: string;
  readonly waitMs: number;
  /** Called with a clause when it has to wait. */
  readonly onWait: (because: string) => void;
  readonly signal?: AbortSignal;
}

const pollMs = 2_000;

/** Who does not write yet is asked again until the deadline. @throws CodedError ETCD_KEY_IDS_DIFFER; those of the client. */
export async function settle(options: SettleOptions): Promise<readonly ServerReport[]> {
  return untilSettled(options, () => look(options));
}

/** As {@link settle}, with the proof by writing. Resources without objects have no target. */
export async function settleTargets(
  options: SettleOptions,
  listed: readonly Listed[],
): Promise<ReadonlyMap<string, Target>> {
  return untilSettled(options, async () => {
    const reports = await look(options);
    const targets = new Map<string, Target>();
    for (const { resource, objects } of listed) {
      const target = await agreedTarget(options, resource, objects, reports);
      if (target) targets.set(resource.name, target);
    }
    return targets;
  });
}

async function untilSettled<T>(options: SettleOptions, attempt: () => Promise<T>): Promise<T> {
  const until = Date.now() + options.waitMs;
  for (;;) {
    throwIfAborted(options.signal);
    try {
      return await attempt();
    } catch (error) {
      if (!isCoded(error) || !error.retryable || error.code === 'ABORTED' || Date.now() >= until) throw error;
      options.onWait(error.message);
    }
    await sleep(pollMs, undefined, options.signal ? { signal: options.signal } : {}).catch(() => undefined);
  }
}

/** @throws CodedError ETCD_KEY_IDS_DIFFER. */
async function look({ servers, wanted, signal }: SettleOptions): Promise<readonly ServerReport[]> {
  await haveThemAsk(servers, signal);
  const reports = await askAll(servers, signal);
  const [first] = servers;
  const missing = first ? await missingServers(first, reports, signal) : undefined;
  if (missing !== undefined && missing.length > 0) {
    throw differ(
      `${missing.length} more API servers live than were asked (${missing.join(', ')})`,
      'Give the address of each one with --api-server: a load balancer does not count.',
    );
  }
  const agreed = agreement(reports, wanted);
  if (!agreed.agreed) {
    throw differ(
      agreed.because,
      'API servers ask their plugin once a minute: wait longer with --wait-seconds, and see keyward etcd status.',
    );
  }
  return reports;
}

async function agreedTarget(
  { servers, wanted, signal }: SettleOptions,
  resource: Resource,
  objects: readonly ListedObject[],
  reports: readonly ServerReport[],
): Promise<Target | undefined> {
  let target: Target | undefined;
  for (const server of servers) {
    const own = await writerOf(server, resource, objects, signal);
    if (!own) return undefined;
    const { keys } = reports.find(({ address }) => address === server.address) ?? { keys: [] };
    const said = keys.find(({ provider }) => provider === providerName(own.provider))?.keyIdHash;
    if (isKmsV2(own.provider) && (said !== own.keyIdHash || (wanted !== undefined && said !== wanted))) {
      throw differ(
        `API server ${server.address} writes ${resource.name} under ${own.keyIdHash ?? 'no key id'}, and was told ${wanted ?? said}`,
        'See its log: the plugin answers Status and Encrypt with different key ids, or another provider is first.',
      );
    }
    if (target && (target.provider !== own.provider || target.keyIdHash !== own.keyIdHash)) {
      throw differ(
        `the API servers write ${resource.name} under different providers or keys: ${target.provider} and ${own.provider}`,
        'Give all of them the same EncryptionConfiguration.',
      );
    }
    target = own;
  }
  return target;
}

function differ(message: string, remedy: string): CodedError {
  return new CodedError('ETCD_KEY_IDS_DIFFER', message, { remedy });
}
