/** A driver as a manifest, and the parts of it that the tests look at. */
import { Chart, Testing } from 'cdk8s';
import { KeywardDriver, type KeywardDriverProps, KmsConfigMap } from '../../../lib/cdk8s';
import type { KmsProps } from '../../../lib/schema/kms';
import { type Manifest, only, synthesised } from './synthesised';

interface Container {
  readonly name: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string }[];
  readonly securityContext: object;
  readonly resources: { readonly limits: { readonly memory: string } };
  readonly volumeMounts: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly mountPropagation?: string;
  }[];
}
interface Volume {
  readonly name: string;
  readonly hostPath?: { readonly path: string };
  readonly projected?: { readonly sources: readonly object[] };
}

export const vault = {
  type: 'vault',
  address: 'https://vault',
  auth: { method: 'kubernetes', role: 'keyward' },
} as const;

export function synth(
  props: Partial<KeywardDriverProps> = {},
  kms: Record<string, KmsProps> = { vault },
): readonly Manifest[] {
  const chart = new Chart(Testing.app(), 'test', { namespace: 'of-the-chart' });
  new KeywardDriver(chart, 'driver', {
    namespace: 'keyward-system',
    backend: { type: 'loop' },
    kmsConfig: KmsConfigMap.fromKmsConfigMapName('kms', kms),
    ...props,
  });
  return synthesised(chart);
}
export function podOf(manifests: readonly Manifest[]) {
  const { template } = only(manifests, 'DaemonSet').spec as { template: { metadata: object; spec: object } };
  return template as {
    metadata: { annotations: Record<string, string> };
    spec: { containers: readonly Container[]; volumes: readonly Volume[]; automountServiceAccountToken: boolean };
  };
}
export function container(manifests: readonly Manifest[], name: string): Container {
  const found = podOf(manifests).spec.containers.find((it) => it.name === name);
  if (found === undefined) throw new Error(`no container ${name}`);
  return found;
}
export const rulesOf = (manifests: readonly Manifest[], kind: string) =>
  only(manifests, kind).rules as readonly { apiGroups: string[]; resources: string[]; verbs: string[] }[];
