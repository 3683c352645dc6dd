/** The parts of the report that are lists and tables. */
import { type DemoResult, proofNames, proofs, steps } from '../protocol';
import { duration } from '../text';
import type { Declaration } from './declaration';
import { icon } from './icons';
import { html, type Markup } from './markup';

export function proofList({ proofs: held, observations }: DemoResult): Markup {
  const items = proofNames.map((name) => {
    const ok = held[name];
    const state = ok ? 'holds' : observations[name] === undefined ? 'not reached' : 'does not hold';
    return html`<li class="card">${icon(ok ? 'held' : 'broken', ok ? 'good' : 'bad')}<b><span class="sr">${ok ? 'Holds: ' : 'Does not hold: '}</span>${proofs[name]}</b><span>${observations[name] ?? state}</span></li>`;
  });
  return html`<ul class="proofs">${items}</ul>`;
}

export function timeline({ steps: done }: DemoResult): Markup {
  const total = Math.max(
    1,
    done.reduce((sum, step) => sum + step.ms, 0),
  );
  let before = 0;
  const rows = done.map(({ name, ok, ms, detail }) => {
    const style = `left:${percent(before, total)};width:${percent(ms, total)}`;
    before += ms;
    return html`<tr><td class="mark ${ok ? 'good' : 'bad'}">${ok ? '✓' : '✗ failed'}</td><td>${titleOf(name)}<span class="detail">${detail}</span></td><td class="bar"><span class="track"><i class="${ok ? '' : 'failed'}" style="${style}"></i></span></td><td class="num">${duration(ms)}</td></tr>`;
  });
  return html`<div class="card scroll"><table class="timeline"><thead><tr><th><span class="sr">Done</span></th><th>Step</th><th class="bar">When</th><th class="num">Took</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

export function declaredSection(result: DemoResult, { typescript, storageClass }: Declaration): Markup {
  const rows = result.comparison.map(
    ({ setting, declared, found }) =>
      html`<tr><td><code>${setting}</code></td><td><code>${declared}</code></td><td><code>${found}</code></td><td class="mark ${declared === found ? 'good' : 'bad'}">${declared === found ? '✓ same' : '✗ differs'}</td></tr>`,
  );
  return html`<section aria-labelledby="declared"><h2 id="declared">What was declared, and what the driver did</h2>
<p class="soft">First what a person writes, then one of the documents that it becomes. The driver had no other configuration.</p>
<div class="sides"><div><h3>stacks/gitops/values.ts</h3><pre class="code" tabindex="0">${typescript}</pre></div><div><h3>StorageClass, synthesised</h3><pre class="code" tabindex="0">${storageClass || 'nothing was synthesised'}</pre></div></div>
${rows.length === 0 ? undefined : html`<p class="soft" style="margin-top:1.6rem">The header and mount of the first volume, read without the driver, against the StorageClass:</p><div class="card scroll"><table><thead><tr><th>Setting</th><th>Declared</th><th>Found on the node</th><th><span class="sr">Verdict</span></th></tr></thead><tbody>${rows}</tbody></table></div>`}</section>`;
}

export function callTable({ calls }: DemoResult): Markup {
  const rows = calls.map(
    ({ step, rpc, status, ms }) =>
      html`<tr><td>${titleOf(step)}</td><td><code>${rpc}</code></td><td class="${status === 'OK' ? '' : 'bad'}">${status}</td><td class="num">${duration(ms)}</td></tr>`,
  );
  return html`<details class="card"><summary>All ${calls.length} calls to the driver, as sidecars and kubelet would make them</summary><div class="scroll"><table><thead><tr><th>Step</th><th>Call</th><th>Status</th><th class="num">Took</th></tr></thead><tbody>${rows}</tbody></table></div></details>`;
}

/** What newcomers ask for first, from the calls that were made. */
export function measured({ calls }: DemoResult): readonly (readonly [string, string])[] {
  const first = (rpc: string) => calls.find((call) => call.rpc.endsWith(`/${rpc}`) && call.status === 'OK');
  const last = (rpc: string) => calls.findLast((call) => call.rpc.endsWith(`/${rpc}`) && call.status === 'OK');
  const rows: readonly (readonly [string, { readonly ms: number } | undefined])[] = [
    ['First stage: format, open, file system, mount', first('NodeStageVolume')],
    ['Stage again after rotation: open, mount', last('NodeStageVolume')],
    ['Grow while mounted', first('NodeExpandVolume')],
    ['Rotate the key in place', last('EncryptionKeyRotate')],
    ['Snapshot of a mounted volume', first('CreateSnapshot')],
  ];
  return rows.flatMap(([what, call]) => (call ? [[what, duration(call.ms)] as const] : []));
}

function titleOf(name: string): string {
  return steps.find((step) => step.name === name)?.title ?? name;
}

function percent(part: number, total: number): string {
  return `${((100 * part) / total).toFixed(2)}%`;
}
