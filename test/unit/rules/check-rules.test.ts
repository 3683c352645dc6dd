import * as fc from 'fast-check';
import { checkRules } from '../../../lib/rules/check-rules';
import { ruleExamples } from '../../../lib/rules/examples/examples';
import { cephClass, cephParameters, kmsConfig, state, vaultSection } from '../../../lib/rules/examples/parts';
import { rules } from '../../../lib/rules/rules';

test('there are fifteen rules, numbered as the traps', () => {
  expect(rules.map(({ id }) => id)).toEqual(
    Array.from({ length: 15 }, (_, index) => `KW${String(index + 1).padStart(2, '0')}`),
  );
});

describe.each(rules.map((rule) => [rule.id, rule] as const))('%s', (id) => {
  const examples = ruleExamples[id];
  if (examples === undefined) throw new Error(`no examples for ${id}`);

  test('finds an error in its failing example', () => {
    const found = checkRules(examples.failing, { only: [id] });
    expect(found.filter(({ severity }) => severity === 'error')).not.toEqual([]);
    for (const finding of found) {
      expect(finding).toMatchObject({ rule: id, path: expect.any(String), remedy: expect.stringMatching(/^[A-Z]/) });
    }
  });

  test('finds nothing in its passing example, and neither does any other rule', () => {
    expect(checkRules(examples.passing)).toEqual([]);
  });
});

describe('an object takes itself out of a rule', () => {
  const insecure = kmsConfig({ 'vault-eu': { ...vaultSection, vaultCAVerify: 'false' } });
  const annotated = (annotations: Readonly<Record<string, string>>) => ({
    ...insecure,
    metadata: { ...(insecure.metadata as object), annotations },
  });
  const found = (object: unknown) => checkRules({ objects: [object] }).map(({ rule }) => rule);

  test('with the id and a reason', () => {
    expect(found(insecure)).toEqual(['KW08']);
    const reason = 'test cluster with a throw-away CA';
    expect(found(annotated({ 'keyward.io/ignore-rules': 'KW03, KW08', 'keyward.io/ignore-reason': reason }))).toEqual(
      [],
    );
  });

  test.each([
    ['no reason', { 'keyward.io/ignore-rules': 'KW08' }],
    ['an empty reason', { 'keyward.io/ignore-rules': 'KW08', 'keyward.io/ignore-reason': ' ' }],
    ['another rule', { 'keyward.io/ignore-rules': 'KW09', 'keyward.io/ignore-reason': 'because' }],
  ])('refuses %s', (_, annotations) => {
    expect(found(annotated(annotations))).toEqual(['KW08']);
  });
});

test('only and skip select rules', () => {
  const objects = [cephClass({ ...cephParameters, encrypted: 'yes', encryptionKMSID: 'valt-eu' }), kmsConfig()];
  expect(checkRules({ objects }).map(({ rule }) => rule)).toEqual(['KW01', 'KW04']);
  expect(checkRules({ objects }, { only: ['KW04'] }).map(({ rule }) => rule)).toEqual(['KW04']);
  expect(checkRules({ objects }, { skip: ['KW04'] }).map(({ rule }) => rule)).toEqual(['KW01']);
});

test('in dev, what is only dangerous with real data is a warning', () => {
  const objects = [kmsConfig({ 'vault-eu': { ...vaultSection, vaultAddress: 'http://vault.example.com:8200' } })];
  expect(checkRules({ objects })).toMatchObject([{ rule: 'KW08', severity: 'error' }]);
  expect(checkRules({ objects, context: { environment: 'dev' } })).toMatchObject([
    { rule: 'KW08', severity: 'warning' },
  ]);
});

test('the same input gives the same findings, and is not changed', () => {
  for (const { failing } of Object.values(ruleExamples)) {
    const before = JSON.stringify(failing);
    expect(checkRules(failing)).toEqual(checkRules(failing));
    expect(JSON.stringify(failing)).toBe(before);
  }
});

test('no finding tells a secret that it found', () => {
  const canary = 'hvs.CAESICanaryCanaryCanaryCanary';
  const objects = [
    { kind: 'Secret', metadata: { name: 's' }, stringData: { token: canary, other: canary } },
    { kind: 'ConfigMap', metadata: { name: 'c' }, data: { a: canary } },
    {
      kind: 'Pod',
      metadata: { name: 'p' },
      spec: { containers: [{ args: [`-token=${canary}`], env: [{ name: 'VAULT_TOKEN', value: canary }] }] },
    },
    kmsConfig({ 'vault-eu': { ...vaultSection, vaultAddress: canary, vaultBackend: canary, token: canary } }),
    cephClass({ ...cephParameters, encrypted: canary, encryptionKMSID: canary, encryptionType: canary }),
  ];
  const findings = checkRules({ objects, vault: { ...state(), owner: canary } });
  expect(findings.length).toBeGreaterThan(5);
  expect(JSON.stringify(findings)).not.toContain(canary);
});

describe('odd input does not throw', () => {
  const words = [
    'StorageClass',
    'ConfigMap',
    'Secret',
    'CephCluster',
    'EncryptionConfiguration',
    'Pod',
    'DaemonSet',
    'CSIDriver',
    'true',
    'https://[',
    'config.json',
    '{"a":{"encryptionKMSType":"vault"}}',
  ];
  const keys = [
    'kind',
    'metadata',
    'name',
    'namespace',
    'annotations',
    'spec',
    'data',
    'parameters',
    'provisioner',
    'resources',
    'providers',
    'kms',
    'containers',
    'args',
    'env',
    'volumes',
    'items',
    'storage',
    'security',
    'connectionDetails',
    '__proto__',
    'constructor',
    'config.json',
  ];
  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'medium' },
      fc.constantFrom(...words, null, 0, true, ''),
      fc.string(),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.oneof(fc.constantFrom(...keys), fc.string()), tie('value'), { maxKeys: 6 }),
    ),
  })).value;

  test('whatever the YAML holds', () => {
    fc.assert(
      fc.property(
        fc.array(value, { maxLength: 5 }),
        value,
        fc.array(value, { maxLength: 3 }),
        (objects, vault, previous) => {
          checkRules({ objects, vault, previous, previousVault: vault });
        },
      ),
      { numRuns: 500 },
    );
  });

  test('a part of a good example replaced by anything', () => {
    const inputs = Object.values(ruleExamples).flatMap(({ failing, passing }) => [failing, passing]);
    fc.assert(
      fc.property(fc.constantFrom(...inputs), fc.nat(), value, (input, seed, replacement) => {
        const copy = structuredClone(input) as unknown as Record<string, unknown>;
        replacePart(copy, seed, replacement);
        checkRules({
          objects: [],
          ...copy,
          ...(Array.isArray(copy.objects) ? {} : { objects: [copy.objects] }),
          ...(copy.previous !== undefined && !Array.isArray(copy.previous) ? { previous: [copy.previous] } : {}),
        });
      }),
      { numRuns: 1_000 },
    );
  });

  test('an object that holds itself, and one that is ten thousand levels deep', () => {
    const circle: Record<string, unknown> = { kind: 'ConfigMap', metadata: { name: 'c' }, data: {} };
    circle.data = { circle };
    let deep: unknown = 'end';
    for (let level = 0; level < 10_000; level += 1) deep = { deep };
    expect(checkRules({ objects: [circle, { kind: 'ConfigMap', metadata: { name: 'd' }, data: deep }] })).toEqual([]);
  });
});

/** Walks down as the seed says and replaces what is there. */
function replacePart(value: unknown, seed: number, replacement: unknown): void {
  let holder = value as Record<string, unknown>;
  let left = seed;
  for (let depth = 0; depth < 8; depth += 1) {
    const keys = Object.keys(holder);
    const key = keys[left % keys.length];
    if (key === undefined) return;
    left = Math.floor(left / keys.length);
    const next = holder[key];
    if (left === 0 || typeof next !== 'object' || next === null || Object.keys(next).length === 0) {
      holder[key] = replacement;
      return;
    }
    holder = next as Record<string, unknown>;
  }
}

test('ten thousand objects of tenants take seconds, not minutes', () => {
  const tenants = Array.from({ length: 2_500 }, (_, index) => `tenant-${index}`);
  const settings = {
    encryptionKMSType: 'vaulttenantsa',
    vaultAddress: 'https://vault.example.com:8200',
    vaultBackend: 'kv-v2',
    vaultBackendPath: 'storage',
    vaultRole: 'ceph-csi',
  };
  const objects = [
    cephClass(),
    kmsConfig({ 'vault-eu': settings }),
    ...tenants.flatMap((namespace) => [
      { kind: 'ServiceAccount', metadata: { name: 'ceph-csi-vault-sa', namespace } },
      { kind: 'ConfigMap', metadata: { name: 'ceph-csi-kms-config', namespace }, data: { vaultDestroyKeys: 'true' } },
      { kind: 'ExternalSecret', metadata: { name: 'token', namespace }, spec: { data: [{ secretKey: 'token' }] } },
      { kind: 'PersistentVolumeClaim', metadata: { name: 'data', namespace }, spec: { storageClassName: 'rbd-luks' } },
    ]),
  ];
  const vault = state({
    policies: { 'ceph-csi': { rules: [{ path: 'storage/data/*', capabilities: ['read'] }] } },
    auth: {
      kubernetes: {
        type: 'kubernetes',
        config: { kubernetesHost: 'https://kubernetes.default.svc', reviewer: { mode: 'vault-own-token' } },
        roles: {
          'ceph-csi': {
            boundServiceAccountNames: ['ceph-csi-vault-sa'],
            boundServiceAccountNamespaces: tenants.slice(1),
            tokenPolicies: ['ceph-csi'],
            tokenTtl: 3600,
            tokenType: 'batch',
          },
        },
      },
    },
  });
  const started = process.cpuUsage();
  const findings = checkRules({ objects, vault, previous: objects });
  const seconds = process.cpuUsage(started).user / 1e6;
  expect(findings).toMatchObject([{ rule: 'KW05', allowed: 'tenant-0' }]);
  expect(seconds).toBeLessThan(20);
});
