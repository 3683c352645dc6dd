/** Reads the documents of YAML and JSON files, of folders, and of standard input. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LineCounter, parseAllDocuments } from 'yaml';
import { CodedError } from '../errors';

/** One document of a file. */
export interface LintDocument {
  readonly file: string;
  /** Line where it begins, from 1. */
  readonly line: number;
  readonly value: unknown;
}

const extensions = /\.(ya?ml|json)$/i;
/** Aliases may repeat a part this often: a few lines of YAML can otherwise stand for more than any memory holds. */
const maxAliasCount = 1_000;

/**
 * Reads files, folders with what is below them, and `-`. A folder's files come by name, so that the order does not depend
 * on the file system.
 * @throws CodedError CONFIG_UNREADABLE, CONFIG_INVALID.
 */
export async function readDocuments(paths: readonly string[]): Promise<readonly LintDocument[]> {
  const documents: LintDocument[] = [];
  for (const path of paths) {
    for (const file of path === '-' ? ['-'] : await filesOf(path)) documents.push(...parse(file, await textOf(file)));
  }
  return documents;
}

/** Reads the only document of a file. */
export async function readDocument(path: string): Promise<unknown> {
  const [first, second] = await readDocuments([path]);
  if (first !== undefined && second === undefined) return first.value;
  throw new CodedError('CONFIG_INVALID', `${path} does not hold one document`, {
    remedy: 'Give a file with one document of YAML or JSON.',
  });
}

/** The documents of a text that stands inside another document. May throw: the text need not be YAML. */
export function readText(text: string): readonly unknown[] {
  return parseAllDocuments(text, { logLevel: 'silent' }).flatMap((document) =>
    document.errors.length > 0 ? [] : [document.toJS({ maxAliasCount }) as unknown],
  );
}

async function filesOf(path: string): Promise<readonly string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path];
    const names = await readdir(path, { recursive: true });
    return names
      .filter((name) => extensions.test(name))
      .sort()
      .map((name) => join(path, name));
  } catch (error) {
    throw unreadable(path, error);
  }
}

async function textOf(file: string): Promise<string> {
  try {
    if (file !== '-') return await readFile(file, 'utf8');
    const chunks: Buffer[] = [];
    for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk as Uint8Array));
    return Buffer.concat(chunks).toString('utf8');
  } catch (error) {
    throw unreadable(file, error);
  }
}

function unreadable(path: string, error: unknown): CodedError {
  const cause = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
  return new CodedError('CONFIG_UNREADABLE', `${path} cannot be read${cause}`, {
    remedy: 'Check the path and its permissions.',
    cause: error,
  });
}

function parse(file: string, text: string): LintDocument[] {
  const lineCounter = new LineCounter();
  const name = file === '-' ? '<stdin>' : file;
  return [...parseAllDocuments(text, { lineCounter, logLevel: 'silent' })].flatMap((document) => {
    const [error] = document.errors;
    const line = lineCounter.linePos(error?.pos[0] ?? document.contents?.range?.[0] ?? 0).line;
    // The parser quotes the line that it fails at, which may hold a secret.
    if (error !== undefined) throw notYaml(name, line);
    try {
      const value: unknown = document.toJS({ maxAliasCount });
      return value === null || value === undefined ? [] : [{ file: name, line, value }];
    } catch (cause) {
      throw notYaml(name, line, cause);
    }
  });
}

function notYaml(file: string, line: number, cause?: unknown): CodedError {
  return new CodedError('CONFIG_INVALID', `${file}:${line} is not YAML`, {
    remedy: 'Correct the document; templates must be rendered first.',
    cause,
  });
}
