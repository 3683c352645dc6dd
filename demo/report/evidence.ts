/** The same bytes twice: as the pod's file has them, and as they lie on the disk. */
import type { Evidence } from '../protocol';
import { html, type Markup } from './markup';

const rowBytes = 8;

export function evidenceSection(evidence: Evidence | undefined): Markup {
  if (!evidence) return html``;
  const { offsetBytes, throughMapping, onDisk } = evidence;
  return html`<section aria-labelledby="evidence"><h2 id="evidence">The same place on the disk, from both sides</h2>
<p class="soft">Read after the pod had written and synced its file: byte ${offsetBytes.toLocaleString('en')} of the volume, once through the opened volume and once in the backing file below it.</p>
<div class="views">
<div class="card view plain"><h3>What the pod wrote</h3><pre tabindex="0">${hexDump(throughMapping)}</pre></div>
<div class="layers" aria-label="layers from the pod to the disk"><b>file in the pod</b>↓<b>file system</b>↓<b class="crypt">dm-crypt, LUKS2</b>↓<b>loop device</b>↓<b>backing file</b></div>
<div class="card view cipher"><h3>What is on the disk</h3><pre tabindex="0">${hexDump(onDisk)}</pre></div>
</div></section>`;
}

/** Lines of `00 01 …  text`; what is no printable ASCII becomes a dot. */
export function hexDump(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += rowBytes) {
    const row = bytes.subarray(at, at + rowBytes);
    const numbers = [...row].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = row.toString('latin1').replace(/[^\x20-\x7e]/g, '.');
    lines.push(`${numbers.padEnd(rowBytes * 3 - 1)}  ${text}`);
  }
  return lines.join('\n');
}
