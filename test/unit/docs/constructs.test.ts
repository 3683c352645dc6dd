import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Construct } from 'constructs';
import ts from 'typescript';
import * as cdk8sEntry from '../../../lib/cdk8s';
import { codeBlocks, documents, localLinks, read, root } from './markdown';

const entries: Readonly<Record<string, string>> = { keyward: 'lib/index.ts', 'keyward/cdk8s': 'lib/cdk8s.ts' };

/** Examples of the documents that are programs of cdk8s; those of Pulumi have an engine to run in. */
const programs = documents()
  .filter((path) => path !== 'CHANGELOG.md')
  .flatMap((path) => codeBlocks(read(path), 'ts').map((code, index) => [`${path} (${index + 1})`, code] as const))
  .filter(([, code]) => code.includes("from 'keyward/cdk8s'"));

/** Runs a program that is TypeScript text, and gives back what it synthesised; an excerpt leaves the last line to us. */
function synthesise(excerpt: string): string {
  const code = excerpt.includes('app.synth()') ? excerpt : `${excerpt}\nApp.of(chart).synth();`;
  const outdir = mkdtempSync(join(tmpdir(), 'keyward-docs-'));
  process.env.CDK8S_OUTDIR = outdir;
  // A program that takes a CA from there: any text will do.
  process.env.VAULT_CACERT = join(root, 'LICENSE');
  try {
    const { outputText } = ts.transpileModule(code, { compilerOptions: { module: ts.ModuleKind.CommonJS } });
    const load = (name: string) => require(entries[name] === undefined ? name : join(root, entries[name]));
    new Function('require', 'exports', outputText)(load, {});
    return readdirSync(outdir)
      .sort()
      .map((file) => readFileSync(join(outdir, file), 'utf8'))
      .join('');
  } finally {
    delete process.env.CDK8S_OUTDIR;
    delete process.env.VAULT_CACERT;
    rmSync(outdir, { recursive: true });
  }
}

test.each(programs)('the example of %s runs, and synthesises the same bytes twice', (path, code) => {
  const yaml = synthesise(code);
  if (path.startsWith('docs/constructs/')) expect(yaml).toMatch(/^kind: \w+$/m);
  expect(synthesise(code)).toBe(yaml);
});

const constructs = Object.entries(cdk8sEntry).flatMap(([name, value]) =>
  typeof value === 'function' && value.prototype instanceof Construct ? [name] : [],
);

test.each(constructs)('%s has a page that begins with an example of it, and a row in the list', (name) => {
  const page = `${name.replace(/(?<=[a-z0-9])[A-Z]|(?<!^)[A-Z](?=[a-z])/g, '-$&').toLowerCase()}.md`;
  const text = read(`docs/constructs/${page}`);
  expect(text.startsWith(`# ${name}\n`)).toBe(true);
  expect(codeBlocks(text, 'ts')[0]).toContain(`new ${name}(`);
  expect(localLinks(read('docs/constructs/README.md')).map(([target]) => target)).toContain(page);
});
