// Where a secret is. Declarations never carry the secret itself (design §4).

/** A reference to a Kubernetes Secret, or to one key of it. */
export interface SecretRef {
  /** Name of the Secret. */
  readonly name: string;
  /**
   * Namespace of the Secret.
   * @default - the namespace of the driver
   */
  readonly namespace?: string;
  /**
   * Key inside the Secret.
   * @default - the whole Secret, or the key that the reader expects
   */
  readonly key?: string;
}
