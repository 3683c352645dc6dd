import { join } from 'node:path';
import ts from 'typescript';
import { codeBlocks, documents, read, root } from './markdown';

jest.setTimeout(60_000);

test('the TypeScript of the documents compiles against what the package exports', () => {
  const blocks = documents().flatMap((path) =>
    codeBlocks(read(path), 'ts').map((text, index) => [join(root, `${path}.${index}.ts`), text] as const),
  );
  expect(blocks.length).toBeGreaterThan(1);
  expect(errorsIn(new Map(blocks))).toEqual([]);
});

test('and would not with a KMS that does not exist, nor with a misspelt prop', () => {
  const path = join(root, 'README.md.0.ts');
  const [declaration = ''] = codeBlocks(read('README.md'), 'ts');
  expect(errorsIn(new Map([[path, declaration.replace("kms: 'vault'", "kms: 'valt'")]]))).toHaveLength(1);
  expect(errorsIn(new Map([[path, declaration.replace('classes:', 'clases:')]]))).toHaveLength(1);
});

const exported = {
  keyward: ['lib/index.ts'],
  'keyward/cdk8s': ['lib/cdk8s.ts'],
  'keyward/policy': ['lib/policy.ts'],
  'keyward/pulumi': ['lib/pulumi.ts'],
  'keyward/rules': ['lib/rules.ts'],
};
const parsed = new Map<string, ts.SourceFile | undefined>();

/** Errors in the files that exist only in memory, each as one line. */
function errorsIn(files: ReadonlyMap<string, string>): string[] {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, files: [], include: [] }, ts.sys, root);
  const host = ts.createCompilerHost(options);
  const { fileExists, getSourceFile } = host;
  host.fileExists = (path) => files.has(path) || fileExists(path);
  host.getSourceFile = (path, ...rest) => {
    const text = files.get(path);
    if (text !== undefined) return ts.createSourceFile(path, text, ts.ScriptTarget.ES2023);
    if (!parsed.has(path)) parsed.set(path, getSourceFile(path, ...rest));
    return parsed.get(path);
  };
  const program = ts.createProgram([...files.keys()], { ...options, paths: relative(exported), types: ['node'] }, host);
  return [...files.keys()].flatMap((path) => {
    const file = program.getSourceFile(path);
    const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
    return found.map(({ messageText }) => `${path}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`);
  });
}

function relative(paths: Readonly<Record<string, readonly string[]>>): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(paths).map(([name, files]) => [name, files.map((file) => join(root, file))]),
  );
}
