/** Who may speak to the API server from within the box, each with a token. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';

export interface Identity {
  readonly user: string;
  readonly groups: readonly string[];
  readonly token: string;
}

export interface Identities {
  readonly admin: Identity;
  readonly controllerManager: Identity;
  readonly scheduler: Identity;
  /** By name of the node. */
  readonly kubelets: ReadonlyMap<string, Identity>;
}

/** New identities with random tokens. @param nodes names */
export function makeIdentities(nodes: readonly string[]): Identities {
  return {
    admin: identity('admin', ['system:masters']),
    controllerManager: identity('system:kube-controller-manager'),
    scheduler: identity('system:kube-scheduler'),
    kubelets: new Map(nodes.map((name) => [name, identity(`system:node:${name}`, ['system:nodes'])])),
  };
}

/** Writes the file of `--token-auth-file`. */
export function writeTokenFile(file: string, { kubelets, ...others }: Identities): void {
  const all = [...Object.values(others), ...kubelets.values()];
  const lines = all.map(({ token, user, groups }) => `${token},${user},${user},"${groups.join(',')}"\n`);
  writeFileSync(file, lines.join(''), { mode: 0o600 });
}

/** Writes the file of `--kubeconfig`, complete in itself. */
export function writeKubeconfig(
  file: string,
  { url, caPem, token }: { readonly url: string; readonly caPem: string; readonly token: string },
): void {
  const cluster = { server: url, 'certificate-authority-data': Buffer.from(caPem).toString('base64') };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'keyward', cluster }],
    users: [{ name: 'keyward', user: { token } }],
    contexts: [{ name: 'keyward', context: { cluster: 'keyward', user: 'keyward' } }],
    'current-context': 'keyward',
  };
  writeFileSync(file, JSON.stringify(config, null, 2), { mode: 0o600 });
}

function identity(user: string, groups: readonly string[] = []): Identity {
  return { user, groups, token: randomBytes(24).toString('hex') };
}
