/** A result as the demo gives it, with a hostile text wherever one could come from outside. */
import { type DemoResult, proofNames, steps } from '../../../demo/protocol';

export const hostile = `<img src=x onerror="alert(1)"> & 'more'`;

export function demoResult(changes: Partial<DemoResult> = {}): DemoResult {
  return {
    ok: true,
    mode: 'guest',
    kernel: `Linux ${hostile}`,
    versions: { keyward: '0.1.0', [hostile]: hostile },
    startedAt: '2026-01-01T00:00:00.000Z',
    totalMs: 43_210,
    steps: steps.map(({ name }, index) => ({ name, ok: true, ms: 100 * (index + 1), detail: `${name} ${hostile}` })),
    proofs: Object.fromEntries(proofNames.map((name) => [name, true])) as DemoResult['proofs'],
    observations: Object.fromEntries(proofNames.map((name) => [name, `${name} ${hostile}`])),
    calls: [{ step: 'create', rpc: `Controller/${hostile}`, status: hostile, ms: 12 }],
    comparison: [{ setting: hostile, declared: hostile, found: 'other' }],
    evidence: { offsetBytes: 4096, throughMapping: Buffer.from('<b>plain</b>').toString('hex'), onDisk: '00ff' },
    ...changes,
  };
}
