import { Chart, Testing } from 'cdk8s';
import { Registry } from 'prom-client';
import {
  DriverNetworkPolicy,
  type DriverNetworkPolicyProps,
  KeywardAlertRules,
  KeywardDashboard,
  KeywardDriver,
  KeywardPodMonitor,
  KmsConfigMap,
} from '../../../../lib/cdk8s';
import {
  driverAlerts,
  keyAgeAlert,
  kmsPluginAlerts,
  rotationAlerts,
} from '../../../../lib/constructs/observability/alerts';
import { dashboardPanels } from '../../../../lib/constructs/observability/panels';
import { createMetrics } from '../../../../runtime/driver/metrics';
import { createPluginMetrics } from '../../../../runtime/kms-plugin/metrics';
import { scheduleMetrics } from '../../../../runtime/rotation/schedule/metrics';
import { read, tableRows } from '../../docs/markdown';
import { only, synthesised } from '../synthesised';

const kmsConfig = KmsConfigMap.fromKmsConfigMapName('kms', {
  inside: { type: 'vault', address: 'https://vault.sec.svc:8200', auth: { method: 'kubernetes', role: 'r' } },
  same: { type: 'vaulttokens', address: 'https://vault.sec.svc.cluster.local:8200' },
  outside: { type: 'kmip', endpoint: 'kmip.example.com:5696' },
  address: { type: 'kmip', endpoint: '10.1.2.3:5697' },
  cloud: { type: 'aws-metadata', region: 'eu-central-1' },
  none: { type: 'metadata' },
});

function declare() {
  const chart = new Chart(Testing.app(), 'test', { namespace: 'keyward-system' });
  const driver = new KeywardDriver(chart, 'driver', {
    namespace: 'keyward-system',
    backend: { type: 'loop' },
    kmsConfig,
    tenants: ['shop'],
  });
  return { chart, driver };
}

interface PodTemplate {
  readonly metadata: { readonly labels: Record<string, string> };
  readonly spec: { readonly containers: readonly { readonly ports?: readonly { readonly name: string }[] }[] };
}

/** Labels and ports of the pods, as the DaemonSet makes them. */
function podsOf(chart: Chart): { readonly labels: Record<string, string>; readonly ports: readonly string[] } {
  const { template } = only(synthesised(chart), 'DaemonSet').spec as { template: PodTemplate };
  const ports = template.spec.containers.flatMap((container) => container.ports ?? []).map(({ name }) => name);
  return { labels: template.metadata.labels, ports };
}

/** All metrics of the runtime, with the suffixes that their types add. */
async function exported(): Promise<ReadonlySet<string>> {
  const { registry } = createPluginMetrics({
    healthy: () => true,
    keyVersion: () => 1,
    lastGoodSeconds: () => 1,
    tokenSecondsLeft: () => 1,
    waiting: () => 0,
    localKekUses: () => 1,
  });
  const schedules = new Registry();
  scheduleMetrics(schedules);
  const text = [await createMetrics().render(), await registry.metrics(), await schedules.metrics()].join('\n');
  const names = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].flatMap(([, name, type]) =>
    type === 'histogram' ? ['_bucket', '_sum', '_count'].map((suffix) => `${name}${suffix}`) : [name ?? ''],
  );
  return new Set(names);
}

const alerts = [...driverAlerts, ...rotationAlerts, keyAgeAlert('fast', 90), ...kmsPluginAlerts];

describe('the alerts and the dashboard', () => {
  test('speak of metrics that the runtime has, and of no other', async () => {
    const known = await exported();
    const named = [...alerts, ...dashboardPanels].flatMap(({ expr }) => expr.match(/\bkeyward_\w+/g) ?? []);
    expect(named.length).toBeGreaterThanOrEqual(alerts.length + dashboardPanels.length);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  test('speak of codes that are documented', () => {
    const codes = tableRows(read('docs/errors.md'), 'code').map(([code = '']) => code);
    const patterns = alerts.flatMap(({ expr }) => [...expr.matchAll(/code=~?"([^"]+)"/g)].map(([, it = '']) => it));
    expect(patterns.length).toBeGreaterThan(0);
    for (const alternative of patterns.flatMap((it) => it.split(/\|(?![^(]*\))/))) {
      expect(codes.filter((code) => new RegExp(`^(?:${alternative})$`).test(code))).not.toEqual([]);
    }
  });

  test('have names of their own, a severity and a word on what to do', () => {
    expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length);
    for (const { annotations } of alerts) expect(annotations.description).toMatch(/\.$/);
  });
});

describe('KeywardAlertRules', () => {
  test('hold the groups that are asked for', () => {
    const { chart } = declare();
    new KeywardAlertRules(chart, 'all', { metadata: { name: 'all', labels: { release: 'prometheus' } } });
    new KeywardAlertRules(chart, 'one', { groups: ['driver'], metadata: { name: 'one' } });
    const groupsOf = (name: string) =>
      (only(synthesised(chart), 'PrometheusRule', name).spec as { groups: { name: string }[] }).groups.map(
        (it) => it.name,
      );
    expect(groupsOf('all')).toEqual(['keyward-driver', 'keyward-rotation', 'keyward-kms-plugin']);
    expect(groupsOf('one')).toEqual(['keyward-driver']);
    expect(only(synthesised(chart), 'PrometheusRule', 'all')).toMatchSnapshot();
  });

  test('R2: watch the age of the keys of the classes that limit it, and of no other', () => {
    const { chart } = declare();
    const classes = [
      { name: 'fast', maximumKeyAgeDays: 90 },
      { name: 'slow', maximumKeyAgeDays: undefined },
    ];
    new KeywardAlertRules(chart, 'ages', { classes, metadata: { name: 'ages' } });
    const { groups } = only(synthesised(chart), 'PrometheusRule', 'ages').spec as {
      groups: { name: string; rules: { alert: string; expr: string }[] }[];
    };
    const ages = groups.flatMap(({ name, rules }) =>
      rules.filter(({ alert }) => alert === 'KeywardKeyTooOld').map(({ expr }) => [name, expr]),
    );
    expect(ages).toEqual([
      ['keyward-rotation', 'max by (class, kms) (keyward_key_age_seconds{class="fast"}) > 90 * 86400'],
    ]);
  });

  test('refuse a group that is not there', () => {
    // @ts-expect-error node is no group
    expect(() => new KeywardAlertRules(Testing.chart(), 'rules', { groups: ['node'] })).toThrow('got "node"');
  });
});

describe('KeywardPodMonitor', () => {
  test('selects the pods of the driver, and ports that they have', () => {
    const { chart, driver } = declare();
    new KeywardPodMonitor(chart, 'monitor', { driver, metadata: { name: 'keyward' } });
    const monitor = only(synthesised(chart), 'PodMonitor');
    expect(monitor).toMatchSnapshot();
    const { labels, ports } = podsOf(chart);
    const spec = monitor.spec as { selector: object; podMetricsEndpoints: { port: string }[] };
    expect(spec.selector).toEqual({ matchLabels: labels });
    expect(ports).toEqual(expect.arrayContaining(spec.podMetricsEndpoints.map(({ port }) => port)));
  });
});

describe('KeywardDashboard', () => {
  test('is JSON of Grafana in a ConfigMap that Grafana finds', () => {
    const { chart } = declare();
    new KeywardDashboard(chart, 'dashboard', { metadata: { name: 'keyward-dashboard' } });
    const { data, metadata } = only(synthesised(chart), 'ConfigMap', 'keyward-dashboard') as unknown as {
      data: Record<string, string>;
      metadata: { labels: object };
    };
    expect(metadata.labels).toEqual({ grafana_dashboard: '1' });
    const { panels } = JSON.parse(data['keyward.json'] ?? '') as {
      panels: { id: number; gridPos: { x: number; y: number } }[];
    };
    expect(new Set(panels.map(({ id }) => id)).size).toBe(dashboardPanels.length);
    expect(new Set(panels.map(({ gridPos: { x, y } }) => `${x},${y}`)).size).toBe(dashboardPanels.length);
    expect(data).toMatchSnapshot();
  });
});

describe('DriverNetworkPolicy', () => {
  const policy = (props: Partial<DriverNetworkPolicyProps> = {}) => {
    const { chart, driver } = declare();
    new DriverNetworkPolicy(chart, 'policy', { driver, kmsConfig, metadata: { name: 'keyward-csi' }, ...props });
    return { chart, manifest: only(synthesised(chart), 'NetworkPolicy') };
  };
  const specOf = (props?: Partial<DriverNetworkPolicyProps>) =>
    policy(props).manifest.spec as {
      podSelector: object;
      ingress: object[];
      egress: { to?: object[]; ports: { port: unknown }[] }[];
    };

  test('the whole manifest', () => {
    expect(policy({ monitoringNamespace: 'monitoring', apiServerCidrs: ['10.0.0.1/32'] }).manifest).toMatchSnapshot();
  });

  test('selects the pods of the driver', () => {
    const { chart, manifest } = policy();
    expect((manifest.spec as { podSelector: object }).podSelector).toEqual({ matchLabels: podsOf(chart).labels });
  });

  test('lets nobody in unless there is a monitoring namespace', () => {
    expect(specOf()).toMatchObject({ policyTypes: expect.arrayContaining(['Ingress']) });
    expect(specOf().ingress).toBeUndefined();
    expect(specOf({ monitoringNamespace: 'monitoring' }).ingress).toHaveLength(1);
  });

  test('lets the controller of CSI-Addons reach its sidecar', () => {
    expect(specOf({ csiAddonsNamespace: 'csi-addons-system' }).ingress).toEqual([
      {
        from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'csi-addons-system' } } }],
        ports: [{ port: 'csi-addons', protocol: 'TCP' }],
      },
    ]);
  });

  test('opens a KMS of the cluster for its namespace, once, and others at their port', () => {
    const { egress } = specOf({ kmsCidrs: ['192.0.2.0/24'] });
    const rulesAt = (port: number) => egress.filter(({ ports }) => ports.some((it) => it.port === port));
    expect(rulesAt(8200)).toEqual([
      {
        to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'sec' } } }],
        ports: [{ port: 8200, protocol: 'TCP' }],
      },
    ]);
    expect(rulesAt(5696)).toMatchObject([{ to: [{ ipBlock: { cidr: '192.0.2.0/24' } }] }]);
    expect(rulesAt(5697)).toMatchObject([{ to: [{ ipBlock: { cidr: '10.1.2.3/32' } }] }]);
    expect(specOf().egress.filter(({ to }) => to === undefined)).not.toEqual([]);
  });

  test('refuses a network that is none', () => {
    expect(() => policy({ kmsCidrs: ['192.0.2.0'] })).toThrow('test/policy.cidrs: got "192.0.2.0"');
  });
});
