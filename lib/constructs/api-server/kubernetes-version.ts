// What the version of a cluster decides: which KMS API its API server speaks, and what must be switched on for it.
import { propError } from '../prop-error';

/** Version of the KMS API. */
export type KmsApiVersion = 'v1' | 'v2';

/** The minor of a version like `1.34` or `v1.34.2+rke2r1`. Throws for anything else. */
export function kubernetesMinor(subject: string, version: string): number {
  const minor = /^v?1\.(\d{1,3})(?:[.+-].*)?$/.exec(version)?.[1];
  if (minor !== undefined) return Number(minor);
  throw propError({
    prop: `${subject}.kubernetesVersion`,
    got: JSON.stringify(version),
    allowed: 'a version like "1.34" or "v1.34.2"',
    remedy: 'Give the version of the oldest API server of the cluster',
  });
}

/** From here on v2 is on by default, and stays as it is. */
const firstMinorOfV2 = 27;
/** From here on v1 is off by default. */
const firstMinorWithoutV1 = 29;
/** From here on the API server reads its configuration again when the file changes. */
const firstMinorOfReload = 26;

/** Feature gates that a version of the KMS API needs. Throws where the cluster does not know it. */
export function kmsFeatureGates(
  subject: string,
  kmsVersion: KmsApiVersion,
  minor: number,
): Readonly<Record<string, boolean>> {
  if (kmsVersion === 'v2' && minor < firstMinorOfV2) {
    throw propError({
      prop: `${subject}.kmsVersion`,
      got: `"v2" with Kubernetes 1.${minor}`,
      allowed: `v2 from Kubernetes 1.${firstMinorOfV2} on`,
      remedy: 'Upgrade the cluster, or set kmsVersion to "v1"',
      rule: 'trap 13',
    });
  }
  return kmsVersion === 'v1' && minor >= firstMinorWithoutV1 ? { KMSv1: true } : {};
}

/** Whether the API server knows `--encryption-provider-config-automatic-reload`. */
export function canReload(minor: number): boolean {
  return minor >= firstMinorOfReload;
}
