/** `npm run demo` as a newcomer starts it: one command, nothing prepared but Node.js and Debian's packages. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { type DemoResult, proofNames, steps } from '../../demo/protocol';
import { findCommand } from '../../tools/find-command';

const root = join(__dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'keyward-demo-test-'));
const report = join(folder, 'report.html');
const browserPath = findCommand('chromium') ?? findCommand('google-chrome');

/** The limit that a machine gets which is busy with other tests; alone it is about a minute. */
jest.setTimeout(15 * 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('npm run demo -- --json', () => {
  let exitCode: number | null = null;
  let stdout = '';
  let stderr = '';
  let result: DemoResult;

  beforeAll(async () => {
    ({ exitCode, stdout, stderr } = await run(['run', '--silent', 'demo', '--', '--json', '--report', report]));
    result = JSON.parse(stdout) as DemoResult;
  });

  test('exits with 0 and prints one JSON object, progress goes elsewhere', () => {
    // The text first: it says what went wrong.
    expect(result.error ?? '').toBe('');
    expect(exitCode).toBe(0);
    expect(stdout.trim().split('\n')).toHaveLength(1);
    expect(stderr).toContain('What was proven');
    expect(result).toMatchObject({ ok: true, kernel: expect.stringMatching(/^Linux \d/) });
    expect(['native', 'guest']).toContain(result.mode);
  });

  test.each(steps.map(({ name }) => name))('does the step %s', (name) => {
    expect(result.steps.find((step) => step.name === name)).toMatchObject({ ok: true, ms: expect.any(Number) });
  });

  test.each([...proofNames])('proves %s', (name) => {
    expect({ [name]: result.proofs[name], observed: result.observations[name] }).toEqual({
      [name]: true,
      observed: expect.any(String),
    });
  });

  test('writes a report that needs nothing else', () => {
    const page = readFileSync(report, 'utf8');
    expect(page).toContain('Every proof holds');
    expect(page).not.toMatch(/(src|href)=|url\(|<script/i);
  });

  const inBrowser = browserPath === undefined ? test.skip : test;
  inBrowser(
    `the report renders in a real browser${browserPath === undefined ? ': SKIPPED, no chromium here' : ''}`,
    async () => {
      const browser = await chromium.launch({ executablePath: browserPath ?? '', args: ['--no-sandbox'] });
      try {
        for (const width of [1280, 360]) {
          const page = await browser.newPage({ viewport: { width, height: 900 } });
          const problems: string[] = [];
          page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
          page.on('pageerror', (error) => problems.push(String(error)));
          page.on('request', (request) => request.url().startsWith('file:') || problems.push(request.url()));
          await page.goto(`file://${report}`);
          expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('Every proof holds');
          expect(await page.getByRole('listitem').filter({ hasText: 'Holds: ' }).count()).toBe(proofNames.length);
          const [wide, seen] = await page.evaluate<[number, number]>(
            '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
          );
          expect(wide).toBeLessThanOrEqual(seen);
          expect(problems).toEqual([]);
          await page.close();
        }
      } finally {
        await browser.close();
      }
    },
  );
});

test('refuses an option that it does not know, with exit code 2', async () => {
  const { exitCode, stdout, stderr } = await run(['run', '--silent', 'demo', '--', '--bogus']);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  expect(stderr).toContain('--bogus');
});

function run(args: readonly string[]): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  const child = spawn('npm', args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const text = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    text.stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    text.stderr += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode) => resolve({ exitCode, ...text }));
  });
}
