// The ConfigMap with the RuntimeConfig of `keyward csi`.
import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { configFileName } from '../schema/names';
import { encodeRuntimeConfig, type RuntimeConfig } from '../schema/runtime-config';

/** Props of a `RuntimeConfigMap`. */
export interface RuntimeConfigMapProps {
  /** Name of the ConfigMap. */
  readonly name: string;
  /** Namespace of the driver. */
  readonly namespace: string;
  /** The configuration of the driver. */
  readonly config: RuntimeConfig;
}

/** Holds `config.json` of the driver. */
export class RuntimeConfigMap extends Construct {
  /** Name of the ConfigMap. */
  readonly name: string;
  /** The data of the ConfigMap, as the runtime will read it. */
  readonly data: Readonly<Record<string, string>>;

  constructor(scope: Construct, id: string, props: RuntimeConfigMapProps) {
    super(scope, id);
    this.data = { [configFileName]: encodeRuntimeConfig(props.config) };
    this.name = new k8s.KubeConfigMap(this, 'Resource', {
      metadata: { name: props.name, namespace: props.namespace },
      data: { ...this.data },
    }).name;
  }
}
