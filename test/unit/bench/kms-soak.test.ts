import { type FaultRecord, type SoakSamples, soakResult } from '../../../bench/kms-soak-result';

const total = { calls: 1_000, seconds: 10, perSecond: 90, p50Ms: 1, p99Ms: 5, wrong: 0, errors: {}, cpuSeconds: 1 };
const memory = (heapMiB: number, externalMiB = 2) => ({ heapMiB, externalMiB, rssMiB: 100 });
const sealed: FaultRecord = {
  name: 'Vault sealed',
  allowed: ['Unavailable KMS_SEALED'],
  errors: { 'Unavailable KMS_SEALED': 100 },
  examples: {},
  wrong: 0,
  calls: 500,
  recoveryMs: 200,
};
const good: SoakSamples = {
  records: [sealed, { ...sealed, recoveryMs: 900 }],
  memory: [12, 12, 19, 12, 13, 13].map((heap) => memory(heap)),
  total: { ...total, errors: { 'Unavailable KMS_SEALED': 100 } },
  calmErrors: {},
};

describe('the result of the soak', () => {
  test('has no finding when errors are of the class of their fault and end with it, and the heap is flat', () => {
    const { findings, figures } = soakResult(good);
    expect(findings).toEqual([]);
    expect(figures).toMatchObject({
      calls: 1_000,
      calls_failed: 100,
      wrong_plaintexts: 0,
      faults: 2,
      slowest_recovery_seconds: 0.9,
      heap_early_mib: 12,
      heap_late_mib: 13,
    });
  });

  test.each<[string, Partial<SoakSamples>, RegExp]>([
    ['a wrong plaintext', { total: { ...total, wrong: 1 } }, /1 calls gave a wrong plaintext in all/],
    ['a wrong plaintext in a fault', { records: [{ ...sealed, wrong: 3 }] }, /Vault sealed: 3 calls gave a wrong/],
    [
      'an error of another class',
      { records: [{ ...sealed, errors: { 'Internal INTERNAL': 1 }, examples: { 'Internal INTERNAL': 'told so' } }] },
      /Vault sealed: 1 × Internal INTERNAL \(told so\)/,
    ],
    ['an error without a fault', { calmErrors: { DeadlineExceeded: 2 } }, /2 × DeadlineExceeded before/],
    ['a fault without recovery', { records: [{ ...sealed, recoveryMs: undefined }] }, /failed on after its end/],
    ['a heap that grows', { memory: [12, 14, 16, 18, 20, 22].map((heap) => memory(heap)) }, /heap grew/],
    ['buffers that grow', { memory: [1, 4, 9].map((external) => memory(12, external)) }, /outside of the heap grew/],
  ])('rejects %s', (_, change, finding) => {
    const { findings } = soakResult({ ...good, ...change });
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatch(finding);
  });
});
