import type { OpenBao } from './openbao';

/** What a server has at all: paths of engines and auth methods, names of policies. */
export async function vaultOutline(
  openBao: Pick<OpenBao, 'expectOk'>,
): Promise<Readonly<Record<'mounts' | 'auth' | 'policies', readonly string[]>>> {
  const { body: mounts } = await openBao.expectOk('GET', 'sys/mounts');
  const { body: auth } = await openBao.expectOk('GET', 'sys/auth');
  const { body: policies } = await openBao.expectOk('LIST', 'sys/policies/acl');
  return {
    mounts: Object.keys(mounts.data).sort(),
    auth: Object.keys(auth.data).sort(),
    policies: [...policies.data.keys].sort(),
  };
}
