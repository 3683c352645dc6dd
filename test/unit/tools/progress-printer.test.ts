import type { ToolProgress } from '../../../tools/ensure';
import { progressPrinter } from '../../../tools/progress-printer';

const progress = (more: Partial<ToolProgress>): ToolProgress => ({
  subject: 'etcd',
  phase: 'building',
  elapsedMs: 1500,
  detail: 'a line of the builder',
  ...more,
});

test('prints each phase once, however often the builder speaks', () => {
  const lines: string[] = [];
  const print = progressPrinter((line) => lines.push(line));
  print(progress({}));
  print(progress({ detail: 'another' }));
  print(progress({ phase: 'ready' }));
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatch(/building.*etcd.*2 s.*a line of the builder/);
});

test('prints a failure in full: its end says what to do', () => {
  const lines: string[] = [];
  progressPrinter((line) => lines.push(line))(progress({ phase: 'failed', detail: `${'x'.repeat(500)} Run: this` }));
  expect(lines[0]).toMatch(/Run: this$/);
});
