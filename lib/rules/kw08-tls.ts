// Trap 8: the server's certificate is not checked, cannot be checked, or there is none.
import type { Cluster } from './read/cluster';
import type { KmsSectionView } from './read/kms-sections';
import { rookKmsOf } from './read/rook';
import { keysOfSecret } from './read/secrets';
import { at, goBooleanOf, textOf } from './read/values';
import type { Fault, Rule } from './rule';

/** Members of a section that are addresses. */
const addresses = ['vaultAddress', 'VAULT_ADDR', 'AZURE_VAULT_URL', 'IBM_KP_BASE_URL', 'IBM_KP_TOKEN_URL'] as const;

/** The rule. */
export const tlsTrust: Rule = {
  id: 'KW08',
  slug: 'tls',
  title: 'TLS is off, unchecked, or has a CA that is not there',
  severity: 'error',
  why: 'Every key of every volume crosses this connection. Without a check of the certificate anyone in between reads them; with a CA that is looked for in another namespace or under another key, no volume mounts at all. cert-manager writes `ca.crt`; ceph-csi and Rook read `cert`.',
  evidence: {
    known: 'source',
    where: 'ceph-csi v3.17 (internal/kms/vault.go), Rook (kms/vault.go), reported in rook#11454',
  },
  remedy:
    'Use https with a CA that the reader finds; where it must be otherwise, say so with an annotation and a reason',
  checks: [
    'addresses are https, but for this very machine (a warning in dev)',
    'verification is on in KMS sections, in Rook and in KMS plugins (a warning in dev)',
    '`vaulttokens`, `vaulttenantsa`: a TLS Secret of the set has the key `cert` or `key`, and is in the tenant’s or the driver’s namespace',
    'Rook: TLS Secrets are in the namespace of the cluster, named and not given by path, with `cert` or `key`; `VAULT_CAPATH` is not set',
  ],
  *check(cluster) {
    for (const section of cluster.sections()) {
      yield* sectionFaults(section, cluster);
      yield* secretFaults(section, cluster);
    }
    yield* rookFaults(cluster);
    yield* pluginFaults(cluster);
  },
};

function* sectionFaults(
  { object, path, raw }: KmsSectionView,
  { severityOutsideDev: severity }: Cluster,
): Generator<Fault> {
  for (const key of addresses) {
    const address = textOf(at(raw, key));
    if (address === undefined || !isPlain(address)) continue;
    yield {
      object,
      path: `${path}.${key}`,
      message: 'is a plain http address',
      got: 'http',
      allowed: 'https',
      severity,
    };
  }
  const skips =
    goBooleanOf(at(raw, 'vaultCAVerify')) === false
      ? 'vaultCAVerify'
      : goBooleanOf(at(raw, 'VAULT_SKIP_VERIFY')) === true
        ? 'VAULT_SKIP_VERIFY'
        : undefined;
  if (skips === undefined) return;
  yield {
    object,
    path: `${path}.${skips}`,
    message: 'turns off the check of the certificate',
    severity,
    remedy: 'Remove it and name the CA',
  };
}

/** Secrets with TLS material that are in the set, but where no driver looks, or without the key it reads. */
function* secretFaults({ object, path, settings }: KmsSectionView, { objects }: Cluster): Generator<Fault> {
  if (settings?.type !== 'vaulttokens' && settings?.type !== 'vaulttenantsa') return;
  const { tls } = settings;
  const references = [
    ['vaultCAFromSecret', tls.caFromSecret, 'cert'],
    ['vaultClientCertFromSecret', tls.clientCertFromSecret, 'cert'],
    ['vaultClientCertKeyFromSecret', tls.clientCertKeyFromSecret, 'key'],
  ] as const;
  for (const [key, name, dataKey] of references) {
    if (name === undefined) continue;
    const held =
      keysOfSecret(objects, name, object.namespace) ??
      objects.named('Secret', name).map(({ namespace }) => keysOfSecret(objects, name, namespace))[0];
    if (held === undefined || held.keys.has(dataKey)) continue;
    const message = `names the Secret ${name}, which has no key ${dataKey}`;
    yield {
      object,
      path: `${path}.${key}`,
      message,
      got: [...held.keys].join(', ') || 'no key',
      allowed: dataKey,
      remedy: `Write the PEM under the key ${dataKey}`,
    };
  }
}

function* rookFaults({ objects, severityOutsideDev: severity }: Cluster): Generator<Fault> {
  for (const { object, path, details, provider } of rookKmsOf(objects)) {
    if (provider !== 'vault') continue;
    if (isPlain(textOf(at(details, 'VAULT_ADDR')) ?? '')) {
      yield {
        object,
        path: `${path}.VAULT_ADDR`,
        message: 'is a plain http address',
        got: 'http',
        allowed: 'https',
        severity,
      };
    }
    if (goBooleanOf(at(details, 'VAULT_SKIP_VERIFY')) === true) {
      yield {
        object,
        path: `${path}.VAULT_SKIP_VERIFY`,
        message: 'turns off the check of the certificate',
        severity,
        remedy: 'Remove it and name the CA in VAULT_CACERT',
      };
    }
    if (at(details, 'VAULT_CAPATH') !== undefined) {
      yield {
        object,
        path: `${path}.VAULT_CAPATH`,
        message: 'is refused by Rook',
        remedy: 'Name a Secret with the key cert in VAULT_CACERT',
      };
    }
    for (const [key, dataKey] of [
      ['VAULT_CACERT', 'cert'],
      ['VAULT_CLIENT_CERT', 'cert'],
      ['VAULT_CLIENT_KEY', 'key'],
    ] as const) {
      const name = textOf(at(details, key));
      if (name === undefined) continue;
      if (name.includes('/')) {
        yield {
          object,
          path: `${path}.${key}`,
          message: 'is a path, and Rook wants the name of a Secret',
          allowed: `a Secret with the key ${dataKey}`,
          remedy: 'Write the name of a Secret of the namespace of the cluster',
        };
        continue;
      }
      const held = keysOfSecret(objects, name, object.namespace);
      if (held !== undefined && !held.keys.has(dataKey)) {
        yield {
          object,
          path: `${path}.${key}`,
          message: `names the Secret ${name}, which has no key ${dataKey}`,
          got: [...held.keys].join(', ') || 'no key',
          allowed: dataKey,
          remedy: `Write the PEM under the key ${dataKey}`,
        };
      } else if (
        held === undefined &&
        objects.named('Secret', name).length > 0 &&
        objects.find('Secret', name, object.namespace) === undefined
      ) {
        const got = objects
          .named('Secret', name)
          .map(({ namespace }) => namespace ?? '')
          .join(', ');
        yield {
          object,
          path: `${path}.${key}`,
          message: `names the Secret ${name}, which is in another namespace than the cluster`,
          got,
          allowed: object.namespace ?? '',
        };
      }
    }
  }
}

function* pluginFaults({ kmsPlugins, severityOutsideDev: severity }: Cluster): Generator<Fault> {
  for (const { workload, container, address, skipsVerification, file } of kmsPlugins()) {
    const { object } = workload;
    if (address !== undefined && isPlain(address)) {
      yield {
        object,
        path: container.path,
        message: 'talks to Vault by a plain http address',
        got: 'http',
        allowed: 'https',
        severity,
      };
    }
    if (!skipsVerification) continue;
    yield {
      object,
      path: container.path,
      message: 'turns off the check of the certificate of Vault',
      severity,
      remedy: file === undefined ? 'Give -vault-ca-cert' : 'Give vault.caFile, and leave insecureSkipVerify out',
    };
  }
}

function isPlain(address: string): boolean {
  if (!/^http:/i.test(address.trim())) return false;
  const host = URL.canParse(address.trim()) ? new URL(address.trim()).hostname : '';
  return !/^(127(\.\d{1,3}){3}|localhost|\[::1\])$/.test(host);
}
