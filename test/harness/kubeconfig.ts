import { writeFileSync } from 'node:fs';
import type { Kubernetes } from './kubernetes';

/** Who a client of the API server is: a token, or the file that holds one and may be renewed. */
export type KubeconfigUser = { readonly token: string } | { readonly tokenFile: string };

/** Writes the file that `--kubeconfig` takes; only its owner reads it. */
export function writeKubeconfig(file: string, { url, caFile }: Kubernetes, user: KubeconfigUser): void {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server: url, 'certificate-authority': caFile } }],
    users: [{ name: 'test', user }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    'current-context': 'test',
  };
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
}
