/** A folder of mounted Secrets, as the kubelet would lay them out. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mountedSecrets } from '../../../runtime/kms/mounted-secrets';
import type { ListsSecretKeys, SecretReader } from '../../../runtime/secret-reader';

export interface MountedFixture {
  readonly secrets: SecretReader & ListsSecretKeys;
  /** Namespace of the driver, for the providers that read their credentials there. */
  readonly podNamespace: string;
  /** Replaces the whole Secret. */
  mount(namespace: string, name: string, data: Readonly<Record<string, string>>): void;
  remove(): void;
}

export function mountedFixture(): MountedFixture {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-secrets-'));
  return {
    secrets: mountedSecrets(folder),
    podNamespace: 'keyward',
    mount(namespace, name, data) {
      const secret = join(folder, namespace, name);
      rmSync(secret, { recursive: true, force: true });
      mkdirSync(secret, { recursive: true });
      for (const [key, value] of Object.entries(data)) writeFileSync(join(secret, key), value);
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
