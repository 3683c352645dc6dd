/** The command line of OpenBao, as root of the one in a box. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { requireTool } from '../ensure';

export interface BaoAccess {
  readonly address: string;
  readonly caFile: string;
  readonly token: string;
}

/** Runs it on the terminal of this process. @returns its exit code. @throws ToolError TOOL_NOT_PREPARED */
export async function runBao(args: readonly string[], { address, caFile, token }: BaoAccess): Promise<number> {
  // By its own variables, which win over those of Vault. It takes a token from them or from a file only.
  const env = { ...process.env, BAO_ADDR: address, BAO_CACERT: caFile, BAO_TOKEN: token };
  const child = spawn(requireTool('openbao'), args, { env, stdio: 'inherit' });
  const [exitCode] = await once(child, 'exit');
  // null: a signal has ended it.
  return exitCode ?? 1;
}
