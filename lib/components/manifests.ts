// The one adapter between the engines: what the cdk8s constructs declare is rendered in memory, and no file is written.
import { App, Chart } from 'cdk8s';

/** A Kubernetes object as the constructs declare it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

/** Where the constructs are rendered. */
export interface RenderOptions {
  /** Leads the path of each construct, so that an error names the component as the program does. */
  readonly name: string;
  /** Namespace of the chart. */
  readonly namespace: string;
}

/**
 * Renders what `declare` adds to a chart: the objects that `cdk8s synth` would write, in its order.
 * Throws what the constructs and their validations throw, unchanged.
 */
export function renderManifests(
  { name, namespace }: RenderOptions,
  declare: (chart: Chart) => void,
): readonly Manifest[] {
  const chart = new Chart(new App(), name, { namespace, disableResourceNameHashes: true });
  declare(chart);
  return chart.toJson();
}
