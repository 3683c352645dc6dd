/** Where an RBD image is, and how the `rbd` command spells that: `pool[/namespace]/image[@snapshot]`. */
export interface ImageSpec {
  readonly pool: string;
  /** RADOS namespace, '' for none. */
  readonly namespace: string;
  readonly image: string;
}

export function specText({ pool, namespace, image }: ImageSpec, snapshot?: string): string {
  const path = namespace === '' ? `${pool}/${image}` : `${pool}/${namespace}/${image}`;
  return snapshot === undefined ? path : `${path}@${snapshot}`;
}
