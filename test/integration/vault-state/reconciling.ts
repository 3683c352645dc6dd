/** The reconciler against a real server, and that server seen without the reconciler. */
import { randomBytes } from 'node:crypto';
import { decodeVaultState, type VaultState } from '../../../lib/vault/state';
import { Secret } from '../../../runtime/secret';
import { givenTokenAuth } from '../../../runtime/vault/auth/given-token';
import { VaultClient } from '../../../runtime/vault/client';
import { VaultApi } from '../../../runtime/vault/reconcile/api';
import { carryOut } from '../../../runtime/vault/reconcile/apply';
import { addressSet } from '../../../runtime/vault/reconcile/consents';
import { addressOf } from '../../../runtime/vault/reconcile/object-id';
import { makePlan, type Planned } from '../../../runtime/vault/reconcile/plan';
import type { OpenBao } from '../../harness/openbao';

export interface Agreed {
  readonly adopt?: readonly string[];
  readonly deleteData?: readonly string[];
  readonly raiseMinDecryption?: readonly string[];
}

export interface Reconciler {
  plan(state: unknown, agreed?: Agreed): Promise<Planned>;
  /** Plans and carries out. */
  apply(state: unknown, agreed?: Agreed): Promise<Planned>;
  destroy(state: unknown, agreed?: Agreed): Promise<Planned>;
  /** Carries out a plan that was made before. */
  carryOut(planned: Planned, agreed?: Agreed): Promise<void>;
  close(): void;
}

/** @param secretsDirectory as NAMESPACE/NAME/KEY */
export function reconciler(address: string, token: string, secretsDirectory = '/nowhere', namespace = ''): Reconciler {
  const auth = givenTokenAuth({ token: Secret.fromText(token), namespace });
  const client = new VaultClient({ address, timeoutMs: 60_000 }, auth);
  const options = (agreed: Agreed) => ({
    api: new VaultApi(client, namespace),
    consents: {
      adopt: addressSet(agreed.adopt ?? []),
      deleteData: addressSet(agreed.deleteData ?? []),
      raiseMinDecryption: addressSet(agreed.raiseMinDecryption ?? []),
    },
    secrets: { directory: secretsDirectory, namespace: 'storage' },
  });
  const run = () => randomBytes(4).toString('hex');
  const plan = (state: unknown, agreed: Agreed = {}, destroy = false) =>
    makePlan({ ...options(agreed), state: decodeVaultState(state) satisfies VaultState, destroy });
  const both = async (state: unknown, agreed: Agreed = {}, destroy = false) => {
    const planned = await plan(state, agreed, destroy);
    await carryOut(planned, { ...options(agreed), run: run() });
    return planned;
  };
  return {
    plan: (state, agreed) => plan(state, agreed),
    apply: (state, agreed) => both(state, agreed),
    destroy: (state, agreed) => both(state, agreed, true),
    carryOut: (planned, agreed = {}) => carryOut(planned, { ...options(agreed), run: run() }),
    close: () => client.close(),
  };
}

/** `action address` of each change. */
export function changesOf({ plan }: Planned): string[] {
  return plan.changes.map(({ action, id }) => `${action} ${addressOf(id)}`);
}

/** `code address` of each problem. */
export function problemsOf({ plan }: Planned): string[] {
  return plan.problems.map(({ code, address }) => `${code} ${address}`);
}

/** Everything that a state could have made, as the server tells it, without what it draws at random. */
export async function inventory(bao: OpenBao, namespace?: string): Promise<Record<string, unknown>> {
  const options = namespace === undefined ? {} : { namespace };
  const read = async (path: string) => (await bao.request('GET', path, undefined, options)).body?.data;
  const list = async (path: string): Promise<string[]> =>
    (await bao.request('LIST', path, undefined, options)).body?.data?.keys ?? [];
  const found: Record<string, unknown> = {};
  const accessors = new Map<string, string>();
  for (const table of ['mounts', 'auth'] as const) {
    for (const [slashed, mount] of Object.entries<Record<string, unknown>>(await read(`sys/${table}`))) {
      const path = slashed.replace(/\/$/, '');
      const { type, description, options: settings, accessor } = mount;
      found[`sys/${table}/${path}`] = { type, description, settings };
      if (table === 'auth') accessors.set(String(accessor), path);
      if (table === 'auth') found[`auth/${path}/config`] = await read(`auth/${path}/config`);
      const folders =
        table === 'auth' ? ['role', 'roles', 'certs'].map((name) => `auth/${path}/${name}`) : [`${path}/keys`];
      if (type === 'kv') found[`${path}/config`] = await read(`${path}/config`);
      if (table === 'mounts' && type !== 'transit') continue;
      for (const folder of folders) {
        for (const name of await list(folder)) {
          const { keys: _, ...rest } = (await read(`${folder}/${name}`)) as Record<string, unknown>;
          found[`${folder}/${name}`] = rest;
        }
      }
    }
  }
  for (const name of await list('sys/policies/acl')) {
    const { policy } = (await read(`sys/policies/acl/${name}`)) as { policy: string };
    found[`sys/policies/acl/${name}`] = [...accessors].reduce(
      (text, [accessor, path]) => text.replaceAll(accessor, `accessor of ${path}`),
      policy.replace(/# run .*/, '').replace(/"hashes":\{.*?\}/, '"hashes":{}'),
    );
  }
  for (const name of await list('sys/quotas/rate-limit'))
    found[`quota ${name}`] = await read(`sys/quotas/rate-limit/${name}`);
  for (const name of await list('sys/namespaces')) found[`namespace ${name}`] = true;
  return found;
}
