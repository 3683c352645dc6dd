/** Findings as SARIF 2.1.0, which code hosting shows beside the lines. */
import { rules } from '../../lib/rules/rules';
import type { PlacedFinding } from './placed-finding';

/** The log of one run. */
export function sarif(findings: readonly PlacedFinding[]) {
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'keyward lint',
            rules: rules.map(({ id, slug, title, why, remedy }) => ({
              id,
              name: slug,
              shortDescription: { text: title },
              fullDescription: { text: why },
              help: { text: remedy },
            })),
          },
        },
        results: findings.map(({ rule, severity, file, line, object, path, message, remedy }) => ({
          ruleId: rule,
          level: severity,
          message: { text: `${object}: ${path} ${message}. ${remedy}.` },
          locations: [{ physicalLocation: { artifactLocation: { uri: file }, region: { startLine: line } } }],
        })),
      },
    ],
  };
}
