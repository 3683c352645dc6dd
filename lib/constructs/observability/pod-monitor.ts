// A PodMonitor of the Prometheus operator for the driver's pods. They are a DaemonSet without a Service, so a ServiceMonitor
// would have nothing to select.
import { ApiObject, type ApiObjectMetadata } from 'cdk8s';
import { Construct } from 'constructs';
import type { KeywardDriver } from '../keyward-driver';

/** Props of a `KeywardPodMonitor`. */
export interface KeywardPodMonitorProps {
  /** The driver whose pods are asked. */
  readonly driver: Pick<KeywardDriver, 'namespace' | 'podLabels'>;
  /**
   * How often.
   * @default 30s
   */
  readonly interval?: string;
  /**
   * Metadata; its labels must be those that the Prometheus selects.
   * @default - a name made by cdk8s, in the namespace of the driver
   */
  readonly metadata?: Omit<ApiObjectMetadata, 'namespace'>;
}

/** Ports that serve /metrics: of the driver, and of the tenant agent where there is one. */
const ports = ['healthz', 'agent-healthz'] as const;

/** A PodMonitor for the pods of a `KeywardDriver`. */
export class KeywardPodMonitor extends Construct {
  /** Name of the PodMonitor. */
  readonly name: string;

  constructor(scope: Construct, id: string, props: KeywardPodMonitorProps) {
    super(scope, id);
    this.name = new ApiObject(this, 'Resource', this.#toKube(props)).name;
  }

  #toKube({ driver, interval = '30s', metadata }: KeywardPodMonitorProps) {
    return {
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'PodMonitor',
      metadata: { ...metadata, namespace: driver.namespace },
      spec: {
        selector: { matchLabels: { ...driver.podLabels } },
        podMetricsEndpoints: ports.map((port) => ({ port, path: '/metrics', interval })),
      },
    };
  }
}
