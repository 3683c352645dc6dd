/** What a shell is told to reach a box. */
import type { BoxStatus } from './control-protocol';

export interface ShellEnvironment {
  readonly variables: Readonly<Record<'KUBECONFIG' | 'VAULT_ADDR' | 'VAULT_CACERT', string>>;
  /** For `eval` of any POSIX shell. */
  readonly text: string;
}

/** No token is among it. @param toolFolder folder to look for commands in before all others */
export function shellEnvironment(
  { kubeconfig, caFile, openBao }: Pick<BoxStatus, 'kubeconfig' | 'caFile' | 'openBao'>,
  toolFolder?: string,
): ShellEnvironment {
  const variables = { KUBECONFIG: kubeconfig, VAULT_ADDR: openBao.address, VAULT_CACERT: caFile };
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}=${quoted(value)}`);
  if (toolFolder !== undefined) lines.push(`export PATH=${quoted(toolFolder)}:"$PATH"`);
  return { variables, text: lines.join('\n') };
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
