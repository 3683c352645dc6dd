// The namespace of a construct that cannot do without one.
import { Chart } from 'cdk8s';
import type { Construct } from 'constructs';
import { propError } from './prop-error';

/** The one of the props, else the chart's. Throws when neither says one. */
export function ownNamespace(scope: Construct, { namespace }: { readonly namespace?: string }): string {
  const own = namespace ?? Chart.of(scope).namespace;
  if (own !== undefined) return own;
  throw propError({
    prop: `${scope.node.path}.namespace`,
    got: 'nothing',
    allowed: 'a namespace',
    remedy: 'Give it here or to the chart',
  });
}
