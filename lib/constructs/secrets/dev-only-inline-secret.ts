// A Secret whose values stand in the manifest. For a cluster on one's own machine: in git or in a state they are lost.
import { type ApiObjectMetadata, Chart } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { devOnlyLabel } from '../../schema/names';
import { propError } from '../prop-error';
import type { ISecret } from './secret-with-keys';

/** Props of a `DevOnlyInlineSecret`. */
export interface DevOnlyInlineSecretProps {
  /** The values by data key, in clear text. */
  readonly stringData: Readonly<Record<string, string>>;
  /** Metadata of the Secret. */
  readonly metadata: ApiObjectMetadata & { readonly name: string };
}

/**
 * A Secret with its values in the manifest, for development only.
 *
 * It bears the label `keyward.io/dev-only`, by which the rule of trap 15 finds it wherever it went, also in plain YAML.
 */
export class DevOnlyInlineSecret extends Construct implements ISecret {
  readonly name: string;
  readonly namespace?: string;
  readonly keys: readonly string[];

  constructor(scope: Construct, id: string, props: DevOnlyInlineSecretProps) {
    super(scope, id);
    this.name = props.metadata.name;
    this.keys = Object.keys(props.stringData);
    const namespace = props.metadata.namespace ?? Chart.of(this).namespace;
    if (namespace !== undefined) this.namespace = namespace;
    refuseEmptyValues(props.stringData, this.node.path);
    new k8s.KubeSecret(this, 'Resource', this.#toKube(props));
  }

  #toKube({ stringData, metadata }: DevOnlyInlineSecretProps): k8s.KubeSecretProps {
    return {
      metadata: { ...metadata, labels: { ...metadata.labels, [devOnlyLabel]: 'true' } },
      stringData: { ...stringData },
    };
  }
}

/** The value is not quoted: even a development secret belongs in no log. */
function refuseEmptyValues(stringData: Readonly<Record<string, string>>, subject: string): void {
  const entries = Object.entries(stringData);
  const empty = entries.find(([, value]) => value === '');
  if (entries.length > 0 && empty === undefined) return;
  throw propError({
    prop: `${subject}.stringData${empty === undefined ? '' : `.${empty[0]}`}`,
    got: 'nothing',
    allowed: 'text',
    remedy: 'Its readers refuse an empty value: write one',
    rule: 'trap 15',
  });
}
