// How a rule tells of a name that does not exist: with the nearest that does.
import { nearest } from '../schema/nearest';
import type { Fault } from './rule';

/** @param known What there is; of an annotation with its group, so that a misspelt word after it is found too. */
export function unknownFault(
  object: Fault['object'],
  path: string,
  message: string,
  got: string,
  known: readonly string[],
): Fault {
  const meant =
    nearest(got, known) ??
    known.find((each) =>
      each.endsWith(
        `/${
          nearest(
            got,
            known.map((one) => one.split('/').at(-1) ?? ''),
          ) ?? '\0'
        }`,
      ),
    );
  const remedy = meant === undefined ? 'Write one that exists, or declare it' : `Write ${meant}`;
  const shown = known.length > 12 ? `${known.slice(0, 12).join(', ')}, …` : known.join(', ') || 'none';
  // What is written where a name belongs may be a secret gone astray: only a near miss is shown.
  return { object, path, message, allowed: shown, remedy, ...(meant !== undefined && { got: JSON.stringify(got) }) };
}
