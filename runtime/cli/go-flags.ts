/**
 * Command lines as Go programs take them: one dash or two, `-flag value` or `-flag=value`, switches alone or with a value.
 * They are rewritten to `--flag=value` before commander sees them.
 */

export interface GoFlag {
  /** Without dashes. */
  readonly name: string;
  /** Takes no value of its own: alone it means true, and a value stands behind `=` only. */
  readonly isSwitch: boolean;
}

export function fromGoStyle(args: readonly string[], flags: readonly GoFlag[]): string[] {
  const known = new Map(flags.map((flag) => [flag.name, flag]));
  const rewritten: string[] = [];
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === '--') return [...rewritten, arg, ...rest];
    const [, name = '', value] = /^--?([a-z][a-z0-9-]+)(?:=([\s\S]*))?$/i.exec(arg) ?? [];
    const flag = known.get(name);
    if (!flag) rewritten.push(arg);
    else if (value !== undefined) rewritten.push(`--${name}=${value}`);
    else if (flag.isSwitch) rewritten.push(`--${name}=true`);
    // Whatever comes next is the value, also when it begins with a dash; a missing one is left to commander to tell.
    else if (rest.length > 0) rewritten.push(`--${name}=${rest.shift()}`);
    else rewritten.push(`--${name}`);
  }
  return rewritten;
}
