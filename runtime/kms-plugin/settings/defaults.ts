/** What a setting is when nobody sets it, for the help: read from the schema, which is the one place that knows. */
import { type KmsPluginConfig, settleKmsPluginConfig } from '../../../lib/schema/kms-plugin';
import type { Setting } from './table';

/** What each login cannot do without, so that the schema fills in the rest. */
const leastAuth: readonly object[] = [
  { method: 'token' },
  { method: 'approle' },
  { method: 'cert' },
  { method: 'jwt', role: '-' },
  { method: 'kubernetes', role: '-' },
  { method: 'userpass', username: '-' },
];

/** By member; those without a default are not in it. Takes a tenth of a second, so only for who asks for help. */
export function defaults(): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const auth of leastAuth) {
    const config = settleKmsPluginConfig({ vault: { address: 'https://-' }, auth });
    for (const [section, members] of Object.entries(config)) collect(found, prefixOf(section, config), members);
  }
  found.delete('vault.address');
  return found;
}

/** The default as the flag takes it: `--disable-v1` has the opposite of its member. */
export function defaultText({ member, read, kind }: Setting, all: ReadonlyMap<string, string>): string | undefined {
  if (read !== undefined && kind === 'switch') return 'false';
  return all.get(member);
}

function prefixOf(section: string, { auth }: KmsPluginConfig): string {
  return section === 'auth' ? `auth.${auth.method}` : section;
}

function collect(found: Map<string, string>, prefix: string, members: object): void {
  for (const [name, value] of Object.entries(members)) {
    if (value !== '' && value !== '-' && name !== 'method') found.set(`${prefix}.${name}`, String(value));
  }
}
