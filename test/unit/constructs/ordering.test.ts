import { ApiObject, Chart, Testing } from 'cdk8s';
import {
  annotateSyncWaves,
  partsBefore,
  type StoragePart,
  storagePartOf,
  storageParts,
  syncWaveOf,
  VaultBootstrapJob,
} from '../../../lib/cdk8s';
import { synthesised } from './synthesised';

const wave = 'argocd.argoproj.io/sync-wave';
const waveOf = (part: StoragePart) => Number(syncWaveOf(part)[wave] ?? 0);

test.each(storageParts)('%s comes in a later wave than what it waits for', (part) => {
  for (const before of partsBefore(part, new Set(storageParts))) expect(waveOf(before)).toBeLessThan(waveOf(part));
});

test('what waits for an absent part waits for what that would have waited for', () => {
  expect(partsBefore('driver', new Set(['namespace', 'driver']))).toEqual(['namespace']);
  expect(partsBefore('driver', new Set(['driver']))).toEqual([]);
});

test('a tenant whose namespace is absent keeps no other part waiting', () => {
  for (const part of storageParts) expect(partsBefore(part, new Set(storageParts))).not.toContain('tenants');
});

test('an object that names a wave keeps it, and the default wave needs no annotation', () => {
  const chart = Testing.chart();
  const object = (kind: string, annotations = {}) =>
    new ApiObject(chart, kind, { apiVersion: 'v1', kind, metadata: { name: 'a', annotations } });
  const parts = [object('Namespace', { [wave]: '-7' }), object('StorageClass'), object('DaemonSet')].map(storagePartOf);
  expect(parts).toEqual(['namespace', 'classes', 'driver']);
  annotateSyncWaves(chart);
  annotateSyncWaves(chart);
  const found = synthesised(chart).map(({ metadata }) => (metadata as { annotations?: unknown }).annotations);
  expect(found).toEqual([{ [wave]: '-7' }, { [wave]: '1' }, undefined]);
});

test('the wave of a bootstrap Job by itself is the one that it has among the parts', () => {
  const chart = new Chart(Testing.app(), 'vault', { namespace: 'storage' });
  new VaultBootstrapJob(chart, 'vault', {
    state: { owner: 'platform', namespaces: {} },
    server: { address: 'https://vault' },
    login: { method: 'kubernetes', role: 'r' },
  });
  for (const { metadata } of synthesised(chart))
    expect((metadata as { annotations?: unknown }).annotations).toEqual(syncWaveOf('vault'));
});
