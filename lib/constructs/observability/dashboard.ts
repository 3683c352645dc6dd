// A Grafana dashboard in a ConfigMap, as Grafana's sidecar finds it by its label.
import type { ApiObjectMetadata } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { dashboardPanels } from './panels';

/** Props of a `KeywardDashboard`. */
export interface KeywardDashboardProps {
  /**
   * Label by which Grafana finds the ConfigMap.
   * @default - grafana_dashboard: "1"
   */
  readonly discoveryLabels?: Readonly<Record<string, string>>;
  /**
   * Metadata of the ConfigMap.
   * @default - a name made by cdk8s
   */
  readonly metadata?: ApiObjectMetadata;
}

/** The dashboard of keyward's metrics: calls, steps and the KMS plugin. */
export class KeywardDashboard extends Construct {
  /** Name of the ConfigMap with the dashboard. */
  readonly name: string;

  constructor(scope: Construct, id: string, { discoveryLabels, metadata }: KeywardDashboardProps = {}) {
    super(scope, id);
    const labels = { ...metadata?.labels, ...(discoveryLabels ?? { grafana_dashboard: '1' }) };
    this.name = new k8s.KubeConfigMap(this, 'Resource', {
      metadata: { ...metadata, labels },
      data: { 'keyward.json': `${JSON.stringify(model(), undefined, 2)}\n` },
    }).name;
  }
}

const width = 12;
const height = 8;

/** Grafana's model, as little of it as makes a dashboard. */
function model(): object {
  const datasource = { type: 'prometheus', uid: '$datasource' };
  return {
    uid: 'keyward',
    title: 'keyward',
    tags: ['keyward'],
    schemaVersion: 39,
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    templating: { list: [{ name: 'datasource', type: 'datasource', query: 'prometheus' }] },
    panels: dashboardPanels.map(({ title, expr, legend, unit }, index) => ({
      id: index + 1,
      type: 'timeseries',
      title,
      datasource,
      gridPos: { x: (index % 2) * width, y: Math.floor(index / 2) * height, w: width, h: height },
      fieldConfig: { defaults: { unit }, overrides: [] },
      targets: [{ refId: 'A', datasource, expr, legendFormat: legend }],
    })),
  };
}
