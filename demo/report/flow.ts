/** The picture of the flow: declare → configure → create → stage → rotate → delete, with what each took. */
import { type DemoResult, type StepName, type StepResult, steps } from '../protocol';
import { duration } from '../text';
import type { Declaration } from './declaration';
import { icon } from './icons';
import { html, type Markup } from './markup';

type Phase = (typeof steps)[number]['phase'];

const phases: readonly { readonly phase: Phase; readonly what: string }[] = [
  { phase: 'configure', what: 'the driver starts with exactly these documents' },
  { phase: 'create', what: 'volume, snapshot, clone: each with a key of its own' },
  { phase: 'stage', what: 'LUKS2, file system, mount; written and grown' },
  { phase: 'rotate', what: 'killed in the middle, repeated, old keys refused' },
  { phase: 'delete', what: 'mapping, image, record and key are gone' },
];

export function flow(result: DemoResult, { documents }: Declaration): Markup {
  const declared = html`<li>${icon('declare')}<b>Declare</b><span class="what">typed constructs become Kubernetes manifests</span><span class="time">${documents} documents</span></li>`;
  return html`<ol class="flow">${[declared, ...phases.map(({ phase, what }) => box(result, phase, what))]}</ol>`;
}

function box({ steps: done }: DemoResult, phase: Phase, what: string): Markup {
  const mine = new Set<StepName>(steps.filter((step) => step.phase === phase).map((step) => step.name));
  const finished = done.filter((step) => mine.has(step.name));
  const ms = finished.reduce((sum, step) => sum + step.ms, 0);
  const { state, text } = stateOf(finished, mine.size, ms);
  return html`<li class="${state}">${icon(phase)}<b>${phase[0]?.toUpperCase() ?? ''}${phase.slice(1)}</b><span class="what">${what}</span><span class="time">${text}</span></li>`;
}

function stateOf(finished: readonly StepResult[], wanted: number, ms: number) {
  if (finished.some((step) => !step.ok)) return { state: 'failed', text: 'failed' };
  if (finished.length === 0) return { state: 'missed', text: 'not reached' };
  const count =
    finished.length === wanted ? `${wanted} step${wanted === 1 ? '' : 's'}` : `${finished.length} of ${wanted} steps`;
  return { state: finished.length === wanted ? '' : 'missed', text: `${duration(ms)}, ${count}` };
}
