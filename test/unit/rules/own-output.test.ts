/** What keyward itself declares passes all rules: no page, example or stack is wrong by its own measure. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'cdk8s';
import ts from 'typescript';
import { parseAllDocuments } from 'yaml';
import { checkRules } from '../../../lib/rules/check-rules';
import { GitopsChart } from '../../../stacks/gitops/chart';
import { namespace, storage } from '../../../stacks/gitops/values';
import { codeBlocks, documents, read, root } from '../docs/markdown';

const entries: Readonly<Record<string, string>> = {
  keyward: 'lib/index.ts',
  'keyward/cdk8s': 'lib/cdk8s.ts',
};

/** Runs a program of cdk8s and returns what it synthesises. */
function synthesised(program: string): readonly unknown[] {
  const outdir = mkdtempSync(join(tmpdir(), 'keyward-own-output-'));
  process.env.CDK8S_OUTDIR = outdir;
  // A program that takes a CA from there: any text will do.
  process.env.VAULT_CACERT = join(root, 'LICENSE');
  try {
    const { outputText } = ts.transpileModule(program, {
      compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, esModuleInterop: true },
    });
    const load = (name: string): unknown => require(name in entries ? join(root, entries[name] ?? '') : name);
    new Function('require', 'exports', outputText)(load, {});
    return readdirSync(outdir, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.yaml'))
      .flatMap((name) => parseAllDocuments(readFileSync(join(outdir, name), 'utf8')))
      .map((document): unknown => document.toJS());
  } finally {
    delete process.env.CDK8S_OUTDIR;
    delete process.env.VAULT_CACERT;
    rmSync(outdir, { recursive: true });
  }
}

const programs = [
  ...documents().flatMap((path) =>
    codeBlocks(read(path), 'ts')
      .filter((text) => text.includes("'keyward/cdk8s'") && text.includes('synth()'))
      .map((text, index) => [`${path}, block ${index + 1}`, text] as const),
  ),
  ...readdirSync(join(root, 'examples'))
    .map(
      (name) => [`examples/${name}`, read(`examples/${name}`).replaceAll("'../lib/cdk8s'", "'keyward/cdk8s'")] as const,
    )
    .filter(([, text]) => text.includes('synth()')),
];

test('there are programs to run', () => {
  expect(programs.length).toBeGreaterThan(10);
});

test.each(programs)('%s passes', (_, program) => {
  const objects = synthesised(program);
  const isForDevelopment = program.includes('DevOnlyInlineSecret');
  const findings = checkRules({
    objects,
    context: { clusterVersion: '1.34', ...(isForDevelopment && { environment: 'dev' }) },
  });
  expect(findings).toEqual([]);
});

test('the GitOps stack passes', () => {
  expect(checkRules({ objects: new GitopsChart(new App(), 'keyward', namespace, storage).toJson() })).toEqual([]);
});

test('refuses a Secret for development outside of dev (trap 15)', () => {
  const [, program] = programs.find(([, text]) => text.includes('new DevOnlyInlineSecret')) ?? [];
  if (program === undefined) throw new Error('no page shows DevOnlyInlineSecret');
  const objects = synthesised(program);
  expect(checkRules({ objects }).map(({ rule }) => rule)).toEqual(['KW15']);
  expect(checkRules({ objects, context: { environment: 'prod' } }).map(({ rule }) => rule)).toEqual(['KW15']);
});
