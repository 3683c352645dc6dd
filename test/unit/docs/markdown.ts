/** Reads the documents of the repository: their tables, code blocks and links. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(__dirname, '../../..');

/** Every document that people read, as paths relative to the repository. */
export function documents(): readonly string[] {
  const names = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' });
  const docs = names.filter((name) => name.endsWith('.md')).map((name) => join('docs', name));
  return ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...docs.sort()];
}

export function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** Rows of all tables whose header begins with `firstHeader`, as cells without their back quotes. */
export function tableRows(markdown: string, firstHeader: string): readonly (readonly string[])[] {
  const rows: string[][] = [];
  let isInside = false;
  for (const line of markdown.split('\n')) {
    if (!line.startsWith('|')) isInside = false;
    else if (line.startsWith(`| ${firstHeader} |`)) isInside = true;
    else if (isInside && !/^\|[ |:-]+$/.test(line)) rows.push(cells(line));
  }
  return rows;
}

/** Contents of the fenced blocks of a language. */
export function codeBlocks(markdown: string, language: string): readonly string[] {
  return [...markdown.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].flatMap(([, name, content]) =>
    name === language && content !== undefined ? [content] : [],
  );
}

/** Targets of the links that point into the repository ('': the document itself), each with its anchor or ''. */
export function localLinks(markdown: string): readonly (readonly [target: string, anchor: string])[] {
  return [...markdown.matchAll(/\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)]*))?\)/g)].map(
    ([, target = '', anchor = '']) => [target, anchor] as const,
  );
}

/** The anchors of the headings, as GitHub makes them. */
export function anchors(markdown: string): readonly string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

function cells(line: string): string[] {
  return line
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replace(/^`([^`]*)`$/, '$1'));
}
