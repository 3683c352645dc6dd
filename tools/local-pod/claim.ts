/** A PersistentVolumeClaim, as far as the sidecars look at it. */
export interface Claim {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly sizeBytes: number;
  readonly annotations?: Readonly<Record<string, string>>;
}
