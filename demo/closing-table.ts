/** The end of the demo on a terminal: what was proven and what was seen, then the verdict. */
import type pc from 'picocolors';
import { type DemoResult, proofNames, proofs } from './protocol';
import { duration } from './text';

/** @param columns Width of the terminal. */
export function closingTable(result: DemoResult, paint: ReturnType<typeof pc.createColors>, columns: number): string {
  const nameChars = Math.max(...proofNames.map((name) => proofs[name].length));
  const observedChars = Math.max(30, columns - nameChars - 7);
  const rows = proofNames.flatMap((name) => {
    const mark = result.proofs[name] ? paint.green('✓') : paint.red('✗');
    const [first = '', ...others] = wrap(result.observations[name] ?? 'not reached', observedChars);
    const indent = ' '.repeat(nameChars + 6);
    return [
      `  ${mark} ${proofs[name].padEnd(nameChars)}  ${paint.dim(first)}`,
      ...others.map((line) => indent + paint.dim(line)),
    ];
  });
  const held = proofNames.filter((name) => result.proofs[name]).length;
  const summary = `${held} of ${proofNames.length} proofs hold; ${result.steps.length} steps in ${duration(result.totalMs)} on ${result.kernel || 'no kernel'}`;
  const verdict = result.ok ? paint.green(`✓ ${summary}`) : paint.red(`✗ ${summary}`);
  return ['', paint.bold('What was proven'), ...rows, '', paint.bold(verdict)].join('\n');
}

function wrap(text: string, chars: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > chars) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
