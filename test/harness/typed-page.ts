/** A page with commands that a reader types, and with what comes then: as steps that a test takes. */

/** One block of commands. */
export interface PageStep {
  readonly commands: string;
  /** What the page shows of their output, or undefined. In it `…` stands for any text, and for any lines where it is a line. */
  readonly output: string | undefined;
}

export interface PageSection {
  readonly heading: string;
  readonly steps: readonly PageStep[];
}

/**
 * The sections that have commands: blocks of the language `sh`, and of `text` for the output of the block before.
 * @throws Error for a block that belongs nowhere
 */
export function sectionsOf(markdown: string): readonly PageSection[] {
  const sections: { heading: string; steps: PageStep[] }[] = [];
  for (const [, heading, language, content = ''] of markdown.matchAll(/^## (.+)$|^```(\w*)\n([\s\S]*?)^```$/gm)) {
    if (heading !== undefined) sections.push({ heading, steps: [] });
    const steps = sections.at(-1)?.steps;
    if (language === 'sh') {
      if (steps === undefined) throw new Error(`commands before the first heading: ${content}`);
      steps.push({ commands: content, output: undefined });
    }
    if (language === 'text') {
      const last = steps?.pop();
      if (last === undefined || last.output !== undefined) throw new Error(`an output of no commands: ${content}`);
      steps?.push({ ...last, output: content });
    }
  }
  return sections.filter(({ steps }) => steps.length > 0);
}

/** Whether an output is what a page shows. Columns are as wide as what is in them, so any space is like any other. */
export function isAsShown(shown: string, output: string): boolean {
  const pattern = linesOf(shown).map((line) => {
    if (line === '…') return '(?:.*\\n)*?';
    return `${line.split('…').map(escaped).join('.+?')}\\n`;
  });
  return new RegExp(`^${pattern.join('')}$`).test(
    linesOf(output)
      .map((line) => `${line}\n`)
      .join(''),
  );
}

function linesOf(text: string): readonly string[] {
  const lines = text.split('\n').map((line) => line.trim().replace(/\s+/g, ' '));
  return lines.filter((line) => line !== '');
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
