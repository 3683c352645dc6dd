/** The configuration file, JSON or YAML. YAML is read by a library that is loaded only here. */
import { readFile } from 'node:fs/promises';
import { CodedError } from '../../errors';

/** @throws CodedError CONFIG_UNREADABLE, CONFIG_INVALID naming the line. The text is never quoted. */
export async function readDocument(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new CodedError('CONFIG_UNREADABLE', `${path} cannot be read`, {
      remedy: 'Check that the file exists, is mounted there, and may be read.',
      cause,
    });
  });
  // Every JSON text is YAML as well.
  const { parseDocument } = await import('yaml');
  const document = parseDocument(text, { prettyErrors: true });
  const [fault] = document.errors;
  if (fault) {
    const line = fault.linePos?.[0].line;
    throw new CodedError(
      'CONFIG_INVALID',
      `${path} is neither JSON nor YAML${line === undefined ? '' : ` from line ${line} on`}`,
      {
        remedy: 'Check quotes, commas and indentation there.',
      },
    );
  }
  return document.toJS() ?? {};
}
