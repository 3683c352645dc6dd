import fc from 'fast-check';
import {
  decodeEncryptionConfiguration,
  encodeEncryptionConfiguration,
} from '../../../lib/schema/encryption-configuration';
import { droppedProviders, type EncryptionStep, encryptionConfigurationOf } from '../../../lib/schema/encryption-phase';
import { goDurationNs } from '../../../lib/schema/go-duration';
import { issuesOf } from './issues-of';

const kms = { apiVersion: 'v2', name: 'keyward', endpoint: 'unix:///run/kms/kms.sock', timeout: '3s' } as const;
const old = { kms: { apiVersion: 'v1', name: 'old', endpoint: 'unix:///run/kms/old.sock' } } as const;
const identity = { identity: {} } as const;
const secretbox = { secretbox: { keys: [{ name: 'key2', secret: '$' + '{KEY}' }] } };
const of = (previous: Parameters<typeof encryptionConfigurationOf>[0]['previous'], step: EncryptionStep) =>
  encryptionConfigurationOf({ kms, previous, resources: ['secrets'], step });
const order = (document: ReturnType<typeof of>) =>
  document.resources[0]?.providers.map((each) => each.kms?.name ?? Object.keys(each)[0]);

describe('EncryptionConfiguration', () => {
  test('what is written reads back as it was, whatever the order of providers', () => {
    const entry = fc.record(
      {
        apiVersion: fc.constantFrom('v1' as const, 'v2' as const),
        endpoint: fc.stringMatching(/^unix:\/\/\/[a-z@][a-z/.]{0,40}[a-z]$/),
        timeout: fc.constantFrom('3s', '1m30s', '1.5h', '200ms', '+.5s'),
      },
      { requiredKeys: ['apiVersion', 'endpoint'] },
    );
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.stringMatching(/^[a-z]{1,8}$/), { minLength: 1, maxLength: 4 }),
        entry,
        (names, it) => {
          const providers = [...names.map((name) => ({ kms: { ...it, name } })), identity];
          const written = encodeEncryptionConfiguration([{ resources: ['secrets'], providers }]);
          expect(decodeEncryptionConfiguration(JSON.parse(JSON.stringify(written)))).toEqual(written);
          expect(written.resources).toEqual([{ resources: ['secrets'], providers }]);
        },
      ),
    );
  });

  test('trap 15: rejects the text of a key, and does not repeat it', () => {
    const key = 'c2VjcmV0IGlzIHNlY3VyZQ==';
    const provider = { aescbc: { keys: [{ name: 'key1', secret: key }] } };
    const make = () => encodeEncryptionConfiguration([{ resources: ['secrets'], providers: [provider] }]);
    expect(issuesOf(make)).toMatchObject([{ path: 'resources.0.providers.0.aescbc.keys.0.secret' }]);
    expect(make).not.toThrow(key);
  });

  test('rejects two providers in one entry, and an entry without one', () => {
    for (const provider of [{ kms, ...identity }, {}]) {
      const make = () =>
        decodeEncryptionConfiguration({
          apiVersion: 'apiserver.config.k8s.io/v1',
          kind: 'EncryptionConfiguration',
          resources: [{ resources: ['secrets'], providers: [provider] }],
        });
      expect(issuesOf(make)).toMatchObject([{ path: 'resources.0.providers.0' }]);
    }
  });
});

describe('the steps of a roll-out', () => {
  const migration = (...from: string[]) =>
    ({ phase: 'enforce', migration: { completedOn: '2026-11-23', from } }) as const;

  test.each([
    ['introduce', [identity], ['identity', 'keyward']],
    ['encrypt', [identity], ['keyward', 'identity']],
    ['introduce', [old, identity], ['old', 'keyward', 'identity']],
    ['encrypt', [old, identity], ['keyward', 'old', 'identity']],
    ['encrypt', [identity, old], ['keyward', 'old', 'identity']],
    ['introduce', [secretbox], ['secretbox', 'keyward']],
  ] as const)('%s: the provider takes its place beside those of before', (phase, previous, expected) => {
    expect(order(of(previous, { phase }))).toEqual(expected);
  });

  test('trap 14: enforce drops what the migration names, and keeps everything else', () => {
    expect(order(of([old, secretbox, identity], migration('identity')))).toEqual(['keyward', 'old', 'secretbox']);
    expect(order(of([old, identity], migration('identity', 'old')))).toEqual(['keyward']);
  });

  test('trap 14: no step but enforce drops anything', () => {
    const providers = fc.uniqueArray(fc.constantFrom(identity, old, secretbox), { minLength: 1 });
    fc.assert(
      fc.property(providers, (previous) => {
        const [introduced, encrypting] = [of(previous, { phase: 'introduce' }), of(previous, { phase: 'encrypt' })];
        const before = encodeEncryptionConfiguration([{ resources: ['secrets'], providers: previous }]);
        expect(droppedProviders(before, introduced)).toEqual([]);
        expect(droppedProviders(introduced, encrypting)).toEqual([]);
        // What wrote before still writes while others learn to read.
        expect(order(introduced)?.[0]).toBe(order(before)?.[0]);
      }),
    );
  });

  test.each([
    ['nothing', migration(), 'migration.from'],
    ['what was not there', migration('identiy'), 'migration.from'],
    ['no day', { phase: 'enforce', migration: { completedOn: 'soon', from: ['old'] } }, 'migration.completedOn'],
  ] as const)('trap 14: rejects a migration of %s', (_, step, path) => {
    expect(issuesOf(() => of([old], step))).toMatchObject([{ path }]);
  });

  test('trap 14: rejects a step from nothing, since plain text is something', () => {
    expect(issuesOf(() => of([], { phase: 'encrypt' }))).toMatchObject([{ path: 'previous' }]);
  });

  test('a resource stays readable behind a wildcard that covers it', () => {
    const document = (...resources: string[]) => encodeEncryptionConfiguration([{ resources, providers: [{ kms }] }]);
    expect(droppedProviders(document('secrets', 'deployments.apps'), document('*.', '*.apps'))).toEqual([]);
    expect(droppedProviders(document('secrets'), document('*.apps'))).toEqual(['keyward']);
    expect(droppedProviders(document('*.'), document('*.*'))).toEqual([]);
    expect(droppedProviders(document('*.'), document('secrets'))).toEqual(['keyward']);
  });

  test('a dropped key of a local provider, and a resource that is encrypted no more, are seen', () => {
    const two = { secretbox: { keys: [...secretbox.secretbox.keys, { name: 'key1', secret: '$' + '{KEY}' }] } };
    const document = (providers: readonly (typeof secretbox)[], resources = ['secrets']) =>
      encodeEncryptionConfiguration([{ resources, providers }]);
    expect(droppedProviders(document([two]), document([secretbox]))).toEqual(['secretbox']);
    expect(droppedProviders(document([secretbox]), document([two]))).toEqual([]);
    expect(droppedProviders(document([secretbox], ['secrets', 'configmaps']), document([secretbox]))).toEqual([
      'secretbox',
    ]);
  });
});

describe('durations of Go', () => {
  test.each([
    ['3s', 3e9],
    ['1m30s', 90e9],
    ['1.5h', 5_400e9],
    ['.5s', 5e8],
    ['-2s', -2e9],
    ['+100µs', 1e5],
    ['0', 0],
    ['0.4ns', 0],
  ])('%s', (text, ns) => {
    expect(goDurationNs(text)).toBeCloseTo(ns);
  });

  test.each(['', '3', '3 s', 's', '.s', '3d', '1e3s', '--3s', '3000000h', '-', '3s '])('rejects %j', (text) => {
    expect(goDurationNs(text)).toBeUndefined();
  });
});
