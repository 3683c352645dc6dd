/** Where a KMS keeps one key: for people, and for whoever removes it when its tenant is gone. Holds no secret. */
import * as z from 'zod';

export interface KeyLocation {
  readonly address: string;
  /** Namespace of Vault, '' for the root. */
  readonly namespace: string;
  readonly mountPath: string;
  readonly kvVersion: 1 | 2;
  /** Path below the mount. */
  readonly key: string;
}

const text = z.string().max(2048);

export const keyLocationSchema = z.strictObject({
  address: text,
  namespace: text,
  mountPath: text,
  kvVersion: z.literal([1, 2]),
  key: text,
}) satisfies z.ZodType<KeyLocation>;

export function isSameLocation(one: KeyLocation, other: KeyLocation): boolean {
  return (['address', 'namespace', 'mountPath', 'kvVersion', 'key'] as const).every(
    (part) => one[part] === other[part],
  );
}

/** For people: `https://vault:8200 team-a/kv/pvc-1`. */
export function describeLocation({ address, namespace, mountPath, key }: KeyLocation): string {
  return `${address} ${[namespace, mountPath, key].filter((part) => part !== '').join('/')}`;
}
