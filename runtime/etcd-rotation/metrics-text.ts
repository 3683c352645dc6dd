/** Samples in the text format of Prometheus, as far as an API server's `/metrics` needs it. */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const sampleLine = /^([A-Za-z_:][\w:]*)\{(.*)\} (\S+)(?: \d+)?$/;
const labelPair = /([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** Comments, samples without labels and what is no sample are left out. */
export function parseSamples(lines: readonly string[]): Sample[] {
  return lines.flatMap((line) => {
    const [, name, labels, text] = sampleLine.exec(line) ?? [];
    const value = Number(text);
    if (name === undefined || labels === undefined || !Number.isFinite(value)) return [];
    return [{ name, labels: parseLabels(labels), value }];
  });
}

function parseLabels(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(labelPair)].map(([, name = '', value = '']) => [name, unescaped(value)]));
}

function unescaped(value: string): string {
  return value.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
}
