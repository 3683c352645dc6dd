// What each entry point of the package would load: its import statements, followed through the sources.
import { readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { preProcessFile } from 'typescript';

const root = resolve(__dirname, '../../..');

interface Graph {
  readonly packages: readonly string[];
  readonly folders: readonly string[];
}

function graphOf(entry: string): Graph {
  const packages = new Set<string>();
  const files = new Set<string>();
  const visit = (file: string) => {
    if (files.has(file)) return;
    files.add(file);
    for (const { fileName } of preProcessFile(readFileSync(file, 'utf8')).importedFiles) {
      if (fileName.startsWith('.')) visit(require.resolve(join(dirname(file), fileName)));
      else if (!fileName.startsWith('node:')) packages.add(packageOf(fileName));
    }
  };
  visit(join(root, entry));
  const folders = new Set([...files].map((file) => relative(root, dirname(file)).split('/').slice(0, 2).join('/')));
  return { packages: [...packages].sort(), folders: [...folders].sort() };
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

describe('the entry points', () => {
  test('keyward needs the schema library alone', () => {
    expect(graphOf('lib/index.ts')).toEqual({
      packages: ['zod'],
      folders: ['lib', 'lib/rules', 'lib/schema', 'lib/vault'],
    });
  });

  test('keyward/rules needs the schema library alone', () => {
    expect(graphOf('lib/rules.ts')).toEqual({
      packages: ['zod'],
      folders: ['lib', 'lib/rules', 'lib/schema', 'lib/vault'],
    });
  });

  test('keyward/policy loads nothing of cdk8s', () => {
    const { packages } = graphOf('lib/policy.ts');
    expect(packages).toEqual(['@pulumi/policy', 'zod']);
  });

  test('keyward/cdk8s loads nothing of Pulumi', () => {
    expect(graphOf('lib/cdk8s.ts')).toEqual({
      packages: ['cdk8s', 'cdk8s-plus-27', 'constructs', 'zod'],
      folders: ['lib', 'lib/constructs', 'lib/rules', 'lib/schema', 'lib/vault'],
    });
  });

  test('keyward/pulumi loads nothing of the runtime', () => {
    expect(graphOf('lib/pulumi.ts')).toEqual({
      packages: [
        '@pulumi/kubernetes',
        '@pulumi/pulumi',
        '@pulumi/vault',
        'cdk8s',
        'cdk8s-plus-27',
        'constructs',
        'zod',
      ],
      folders: ['lib', 'lib/components', 'lib/constructs', 'lib/rules', 'lib/schema', 'lib/vault'],
    });
  });
});
