// Trap 11: a credential that never ends, ends while it is needed, or is made anew for each operation.
import type { AppRole, KubernetesRole, TokenRole, VaultState } from '../vault/state';
import type { Cluster } from './read/cluster';
import { type AnyRole, covers, memberOf, roleOf, rolesOf, vaultClientsOf } from './read/vault';
import type { Fault, Rule } from './rule';

/** The rule. */
export const credentialLife: Rule = {
  id: 'KW11',
  slug: 'credential-life',
  title: 'A credential lives too long, or not long enough',
  severity: 'error',
  why: 'A role without a life of its own gives tokens for Vault’s default of 32 days. ceph-csi logs in for every operation, so with service tokens the server’s storage fills with leases and slows down for all. A KMS plugin in a static pod has nobody who brings it a new secret id: when it ends, the API server stops with it.',
  evidence: { known: 'reported', where: 'vault#14531 #18838 #19765, vault-kubernetes-kms#304' },
  remedy: 'Give the role tokenTtl, or tokenPeriod where the token is renewed; batch tokens for short logins',
  checks: [
    'every role has tokenTtl, tokenMaxTtl or tokenPeriod; a token role tokenPeriod or tokenExplicitMaxTtl',
    'no role asks for batch tokens with a period, which Vault refuses',
    'a role that a KMS of ceph-csi logs in with gives batch tokens (a warning)',
    'AppRole for a KMS plugin of the set: secretIdTtl and secretIdNumUses are 0',
    'a token role is for orphans, whose token outlives the one that made it',
  ],
  *check(cluster) {
    const { vault } = cluster;
    if (vault === undefined) return;
    for (const each of rolesOf(vault)) yield* lifeFaults(each);
    yield* batchFaults(vault, cluster);
    yield* secretIdFaults(vault, cluster);
  },
};

function* lifeFaults({ type, role, path }: AnyRole): Generator<Fault> {
  const object = 'VaultState';
  if (type === 'token') {
    const { tokenPeriod, tokenExplicitMaxTtl, orphan } = role as TokenRole;
    if (!tokenPeriod && !tokenExplicitMaxTtl) {
      yield {
        object,
        path,
        message: 'gives tokens without a period and without an end of their own',
        got: 'nothing',
        allowed: 'tokenPeriod, tokenExplicitMaxTtl',
        remedy: 'Set tokenPeriod for a token that is renewed, else tokenExplicitMaxTtl',
      };
    }
    if (orphan !== true) {
      yield {
        object,
        path: `${path}.orphan`,
        message: 'gives tokens that end with the token that made them',
        got: 'false',
        allowed: 'true',
        remedy: 'Set orphan: true',
      };
    }
    return;
  }
  const { tokenTtl, tokenMaxTtl, tokenPeriod, tokenType } = role as KubernetesRole;
  if (!tokenTtl && !tokenMaxTtl && !tokenPeriod) {
    yield {
      object,
      path,
      message: 'gives tokens without a life of their own: Vault’s default is 32 days',
      got: 'nothing',
      allowed: 'tokenTtl, tokenMaxTtl, tokenPeriod',
    };
  }
  if (tokenType !== 'batch' || !tokenPeriod) return;
  yield {
    object,
    path: `${path}.tokenPeriod`,
    message: 'is set for batch tokens, which cannot be renewed: Vault refuses the role',
    allowed: 'tokenTtl',
    remedy: 'Replace tokenPeriod by tokenTtl',
  };
}

function* batchFaults(state: VaultState, cluster: Cluster): Generator<Fault> {
  const isCephCsi = cluster.classes().some(({ driver }) => driver.startsWith('ceph-csi'));
  if (!isCephCsi) return;
  const seen = new Set<string>();
  for (const client of vaultClientsOf(cluster)) {
    const found = client.kind === 'rook' ? undefined : roleOf(state, client);
    if (found === undefined || found.role.tokenType === 'batch' || seen.has(found.path)) continue;
    seen.add(found.path);
    const message = `gives a service token to each login, and ${client.what} logs in for every operation`;
    yield {
      object: 'VaultState',
      path: `${found.path}.tokenType`,
      message,
      got: found.role.tokenType ?? 'default',
      allowed: 'batch',
      remedy: 'Set tokenType: batch',
      severity: 'warning',
    };
  }
}

function* secretIdFaults(state: VaultState, cluster: Cluster): Generator<Fault> {
  for (const { workload, transitMount, transitKey, authMethod } of cluster.kmsPlugins()) {
    // A configuration file is not seen here: then every AppRole that may use the key counts.
    if (authMethod !== undefined && authMethod !== 'approle') continue;
    for (const { type, role, path, namespace, policies } of rolesOf(state)) {
      if (type !== 'approle') continue;
      const wanted = [...transitMount.split('/'), 'encrypt', transitKey];
      const mayEncrypt = policies.some((name) =>
        memberOf(state.namespaces[namespace]?.policies, name)?.rules.some((rule) => covers(rule.path, wanted)),
      );
      const { secretIdTtl = 0, secretIdNumUses = 0 } = role as AppRole;
      if (!mayEncrypt || (secretIdTtl === 0 && secretIdNumUses === 0)) continue;
      const message = `ends the secret id that ${workload.object.label} logs in with, and nobody brings a static pod a new one`;
      const got = secretIdTtl > 0 ? `secretIdTtl ${secretIdTtl}` : `secretIdNumUses ${secretIdNumUses}`;
      yield {
        object: 'VaultState',
        path,
        message,
        got,
        allowed: '0',
        remedy: 'Set it to 0 and bind the secret id to the addresses of the control plane',
      };
    }
  }
}
