/** The report of a demo as one HTML file that needs nothing else: no script, no request, no font from elsewhere. */
import { type DemoResult, proofNames, steps } from '../protocol';
import { duration } from '../text';
import type { Declaration } from './declaration';
import { evidenceSection } from './evidence';
import { flow } from './flow';
import { icon } from './icons';
import { html, Markup } from './markup';
import { callTable, declaredSection, measured, proofList, timeline } from './sections';
import { style } from './style';

const places: Readonly<Record<DemoResult['mode'], string>> = {
  native: 'natively, on this machine’s kernel',
  guest: 'in a User Mode Linux guest',
  none: 'nowhere',
};

export function renderReport(result: DemoResult, declaration: Declaration): string {
  const headline = headlineOf(result);
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>keyward demo: ${headline}</title><style>${new Markup(style)}</style></head>
<body><main>
<header><div class="brand">${icon('brand')}keyward</div>
<h1 class="${result.ok ? '' : 'bad'}">${headline}</h1>
<p class="lead">${leadOf(result)}</p>
${result.error === undefined ? undefined : html`<p class="error" role="alert">${result.error}</p>`}
${facts(result)}</header>
<section aria-labelledby="flow"><h2 id="flow">What happened</h2>${flow(result, declaration)}</section>
<section aria-labelledby="proofs"><h2 id="proofs">What was proven</h2>
<p class="soft">Each claim with what was seen. A search that must find nothing is run a second time where it must find something.</p>
${proofList(result)}</section>
${evidenceSection(result.evidence)}
<section aria-labelledby="steps"><h2 id="steps">Step by step</h2>${timeline(result)}${callTable(result)}</section>
${declaredSection(result, declaration)}
<section aria-labelledby="environment"><h2 id="environment">Measured, and with what</h2>${environment(result)}</section>
<footer>Written by <code>npm run demo</code> at ${result.startedAt}. The passphrase was random, lived in the memory of the demo only, and is in no file; nor is any key.</footer>
</main></body></html>
`;
  return page.text;
}

function headlineOf({ ok, proofs, mode }: DemoResult): string {
  if (ok) return 'Every proof holds';
  const held = proofNames.filter((name) => proofs[name]).length;
  return mode === 'none' ? 'The demo could not run here' : `${held} of ${proofNames.length} proofs hold`;
}

function leadOf({ ok, mode, steps: done }: DemoResult): string {
  if (ok) {
    return 'An encrypted volume was declared in TypeScript, created, mounted, written, grown, copied, rotated and deleted through the CSI socket of the real driver. Everything below was observed from outside of it, on a real kernel.';
  }
  if (mode === 'none') return 'It needs a kernel with dm-crypt, or the means to boot a guest that has one.';
  return `The demo stopped at step ${done.length} of ${steps.length}. What is below was observed until then.`;
}

function facts({ proofs, steps: done, totalMs, mode, kernel }: DemoResult): Markup {
  const held = proofNames.filter((name) => proofs[name]).length;
  const rows: readonly (readonly [string, string])[] = [
    ['Proofs that hold', `${held} of ${proofNames.length}`],
    ['Steps done', `${done.filter((step) => step.ok).length} of ${steps.length}`],
    ['Time', duration(totalMs)],
    ['Ran', `${places[mode]}${kernel === '' ? '' : `, ${kernel}`}`],
  ];
  return html`<dl class="facts">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function environment(result: DemoResult): Markup {
  const { mode, versions, kernel } = result;
  const times = measured(result).map(([what, value]) => html`<tr><td>${what}</td><td class="num">${value}</td></tr>`);
  const parts = [['kernel', kernel || 'none'] as const, ...Object.entries(versions)].map(
    ([name, value]) => html`<tr><td>${name}</td><td class="num">${value}</td></tr>`,
  );
  const caution =
    mode === 'guest'
      ? html`<p class="soft">In the guest starting a process costs about twenty times what it costs on hardware, so these times are upper bounds, not what a node would show.</p>`
      : undefined;
  return html`${caution}<div class="sides"><div class="card scroll"><table><thead><tr><th>Operation</th><th class="num">Took</th></tr></thead><tbody>${times}</tbody></table></div><div class="card scroll"><table><thead><tr><th>Part</th><th class="num">Version</th></tr></thead><tbody>${parts}</tbody></table></div></div>`;
}
