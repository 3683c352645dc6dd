import { type Chart, Testing } from 'cdk8s';

/** A synthesised object, as far as the tests look into it. */
export interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

/** All objects of a chart. */
export function synthesised(chart: Chart): readonly Manifest[] {
  return Testing.synth(chart);
}

/** The only object of a kind (and name). */
export function only(manifests: readonly Manifest[], kind: string, name?: string): Manifest {
  const found = manifests.filter((it) => it.kind === kind && (name === undefined || it.metadata.name === name));
  const [first] = found;
  if (first === undefined || found.length > 1) throw new Error(`expected one ${kind}, found ${found.length}`);
  return first;
}
