// What the API pages would say (`npm run docs`): one conversion by TypeDoc, read as data. TypeDoc is an ES module, which Jest
// cannot load, so its program runs, and writes JSON.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { read, root } from './markdown';

interface Comment {
  readonly summary: readonly unknown[];
  readonly blockTags?: readonly { readonly tag: string }[];
}

/** A declaration in TypeDoc's JSON, as far as it is looked at. */
interface Declaration {
  readonly name: string;
  readonly kind: number;
  readonly comment?: Comment;
  readonly flags?: { readonly isOptional?: boolean };
  readonly inheritedFrom?: unknown;
  readonly children?: readonly Declaration[];
  readonly signatures?: readonly Declaration[];
  readonly getSignature?: Declaration;
}

/** Numbers of TypeDoc's ReflectionKind. */
const kind = {
  variable: 32,
  function: 64,
  class: 128,
  interface: 256,
  property: 1024,
  method: 2048,
  accessor: 262_144,
  typeAlias: 2_097_152,
};
const symbols = new Set([kind.variable, kind.function, kind.class, kind.interface, kind.typeAlias]);
const members = new Set([kind.property, kind.method, kind.accessor]);

let entries: readonly Declaration[] = [];

beforeAll(() => {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-api-'));
  const json = join(folder, 'api.json');
  const program = join(dirname(require.resolve('typedoc/package.json')), 'bin/typedoc');
  try {
    // Fails for a link that leads nowhere, and for a type that a signature mentions and no entry point exports.
    execFileSync(process.execPath, [program, '--json', json, '--logLevel', 'Warn'], { cwd: root, encoding: 'utf8' });
    entries = (JSON.parse(readFileSync(json, 'utf8')) as Declaration).children ?? [];
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 300_000);

test('every entry point of the package has API pages', () => {
  const { exports: exported } = JSON.parse(read('package.json')) as { exports: Record<string, { types?: string }> };
  const types = Object.values(exported).flatMap(({ types: path }) => path ?? []);
  const sources = types.map((path) => path.replace('./dist/', '').replace('.d.ts', '.ts'));
  expect((JSON.parse(read('typedoc.json')) as { entryPoints: string[] }).entryPoints).toEqual(sources);
  expect(entries.map(({ name }) => `lib/${name}.ts`).sort()).toEqual([...sources].sort());
});

test('every public symbol has a docstring, and so have its members', () => {
  const missing = entries.flatMap((entry) =>
    (entry.children ?? [])
      .filter((symbol) => symbols.has(symbol.kind))
      .flatMap((symbol) => [
        ...(isDocumented(symbol) ? [] : [`${entry.name}.${symbol.name}`]),
        ...membersOf(symbol).flatMap((member) =>
          isDocumented(member) ? [] : [`${entry.name}.${symbol.name}.${member.name}`],
        ),
      ]),
  );
  expect(missing).toEqual([]);
});

test('every prop that may be left out says what holds then', () => {
  const props = entries.flatMap((entry) =>
    (entry.children ?? []).filter(
      ({ kind: each, name }) => each === kind.interface && /(Props|Args|Options)$/.test(name),
    ),
  );
  const optional = props.flatMap((symbol) =>
    membersOf(symbol)
      .filter(({ flags, inheritedFrom }) => flags?.isOptional === true && inheritedFrom === undefined)
      .map((member) => ({ name: `${symbol.name}.${member.name}`, tags: member.comment?.blockTags ?? [] })),
  );
  expect(optional.length).toBeGreaterThan(100);
  expect(optional.filter(({ tags }) => !tags.some(({ tag }) => tag === '@default')).map(({ name }) => name)).toEqual(
    [],
  );
});

function membersOf({ kind: each, children = [] }: Declaration): readonly Declaration[] {
  return each === kind.class || each === kind.interface ? children.filter((member) => members.has(member.kind)) : [];
}

/** The text may be at the symbol or, of a function, a method or an accessor, at a signature. */
function isDocumented({ comment, signatures = [], getSignature }: Declaration): boolean {
  return [comment, getSignature?.comment, ...signatures.map((signature) => signature.comment)].some(
    (each) => (each?.summary.length ?? 0) > 0,
  );
}
