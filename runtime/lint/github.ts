/** Findings as workflow commands, which show beside the lines of a pull request. */
import type { PlacedFinding } from './placed-finding';

/** One line a finding. */
export function githubAnnotations(findings: readonly PlacedFinding[]): string {
  return findings
    .map(({ rule, severity, file, line, object, path, message, remedy }) => {
      const properties = [`file=${property(file)}`, `line=${line}`, `title=${property(rule)}`].join(',');
      return `::${severity} ${properties}::${data(`${object}: ${path} ${message}. ${remedy}.`)}\n`;
    })
    .join('');
}

/** Percent signs and line ends would end the command. */
function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
