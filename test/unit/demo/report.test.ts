import { proofNames, proofs, steps } from '../../../demo/protocol';
import { hexDump } from '../../../demo/report/evidence';
import { renderReport } from '../../../demo/report/render';
import { demoResult, hostile } from './fixture';

const declaration = { typescript: `const x = '${hostile}';`, storageClass: `kind: ${hostile}`, documents: 16 };

describe('the report of a demo that succeeded', () => {
  const page = renderReport(demoResult(), declaration);

  test('shows every step and every proof with what was observed', () => {
    for (const { name, title } of steps) {
      expect(page).toContain(title);
      expect(page).toContain(`${name} &lt;img`);
    }
    for (const name of proofNames) {
      expect(page).toContain(proofs[name]);
      expect(page).toContain(`${name} &lt;img src=x onerror=&quot;alert(1)&quot;&gt; &amp; &#39;more&#39;`);
    }
    expect(page).toContain('Every proof holds');
  });

  test('escapes whatever comes from outside', () => {
    expect(page).not.toContain('<img');
    expect(page).not.toContain('<b>plain');
    expect(page).not.toContain('onerror="');
  });

  test('asks for nothing from elsewhere and runs no script', () => {
    expect(page).not.toMatch(/https?:/i);
    expect(page).not.toMatch(/<(script|link|img|iframe|object)\b/i);
    expect(page).not.toMatch(/\b(src|href)=["']|url\(|@import/i);
  });

  test('has one heading of the first level, a language and labels for its sections', () => {
    expect(page.match(/<h1/g)).toHaveLength(1);
    expect(page).toContain('<html lang="en">');
    for (const [, id] of page.matchAll(/aria-labelledby="([^"]+)"/g)) expect(page).toContain(`<h2 id="${id}">`);
  });

  test('shows what was declared beside what was found', () => {
    expect(page).toContain('✗ differs');
    expect(page).toContain('const x = &#39;');
  });
});

describe('the report of a demo that failed', () => {
  const done = demoResult();
  const page = renderReport(
    demoResult({
      ok: false,
      error: `boom ${hostile}`,
      steps: [...done.steps.slice(0, 2), { name: 'stage', ok: false, ms: 5, detail: 'boom' }],
      proofs: { ...done.proofs, keysGone: false },
      observations: {},
    }),
    { ...declaration, storageClass: '' },
  );

  test('says so first, and why', () => {
    expect(page).toContain(`${proofNames.length - 1} of ${proofNames.length} proofs hold`);
    expect(page).toContain('boom &lt;img');
    expect(page).toContain('stopped at step 3');
    expect(page).toContain('✗ failed');
    expect(page).toContain('not reached');
  });

  test('renders a run that never began', () => {
    const { evidence: _none, ...rest } = demoResult();
    const empty = { ...rest, ok: false, mode: 'none', kernel: '', steps: [], calls: [], comparison: [] } as const;
    expect(renderReport(empty, declaration)).toContain('The demo could not run here');
  });
});

test('a hex dump shows numbers and printable text', () => {
  expect(hexDump(Buffer.from('keyward\n!').toString('hex'))).toBe(
    '6b 65 79 77 61 72 64 0a  keyward.\n21                       !',
  );
});
