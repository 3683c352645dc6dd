// What the pods of keyward's driver may talk to: names, the API server (the sidecars), and each KMS that is configured.
// A policy holds for pods with a network of their own: all of them, or with Ceph those of the controller, since pods that map
// images have the network of the node. Probes of the kubelet come from the node, which no policy shuts out.
import { isIP } from 'node:net';
import type { ApiObjectMetadata } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import type { KmsSettings } from '../schema/kms';
import { csiAddonsPort } from './csi-addons/sidecar';
import type { KeywardDriver } from './keyward-driver';
import type { IKmsConfigMap } from './kms-config-map';
import { kmsEndpoints } from './kms-endpoints';
import { propError } from './prop-error';

/** Props of a `DriverNetworkPolicy`. */
export interface DriverNetworkPolicyProps {
  /** The driver whose pods are meant. */
  readonly driver: Pick<KeywardDriver, 'namespace' | 'podLabels' | 'config'>;
  /** Its KMSs. One at `NAME.NAMESPACE.svc` is opened for that namespace alone. */
  readonly kmsConfig: IKmsConfigMap;
  /**
   * Networks of KMSs outside the cluster, in CIDR notation.
   * @default - any address, at the port of the KMS
   */
  readonly kmsCidrs?: readonly string[];
  /**
   * Networks of the Ceph clusters, in CIDR notation.
   * @default - any address, at the ports of monitors, OSDs and managers; none where the driver has no Ceph
   */
  readonly cephCidrs?: readonly string[];
  /**
   * Networks of the API server, in CIDR notation.
   * @default - any address, at the ports 443 and 6443
   */
  readonly apiServerCidrs?: readonly string[];
  /**
   * Namespace of Prometheus, which may reach the ports of the metrics.
   * @default - nobody but the node may
   */
  readonly monitoringNamespace?: string;
  /**
   * Namespace of the CSI-Addons controller, which may reach its sidecar.
   * @default - nobody may
   */
  readonly csiAddonsNamespace?: string;
  /**
   * More that the pods may reach, for example the Vault of a tenant that has its own.
   * @default - nothing
   */
  readonly extraEgress?: readonly k8s.NetworkPolicyEgressRule[];
  /**
   * Metadata of the policy.
   * @default - a name made by cdk8s, in the namespace of the driver
   */
  readonly metadata?: Omit<ApiObjectMetadata, 'namespace'>;
}

const metricsPorts = ['healthz', 'agent-healthz'] as const;

/** A NetworkPolicy for the pods of a `KeywardDriver`. Ports are those of pods: where a Service maps its port, name the pod's. */
export class DriverNetworkPolicy extends Construct {
  /** Name of the NetworkPolicy. */
  readonly name: string;

  constructor(scope: Construct, id: string, props: DriverNetworkPolicyProps) {
    super(scope, id);
    const { kmsCidrs = [], apiServerCidrs = [], cephCidrs = [] } = props;
    for (const cidr of [...kmsCidrs, ...apiServerCidrs, ...cephCidrs]) refuseCidr(cidr, this.node.path);
    this.name = new k8s.KubeNetworkPolicy(this, 'Resource', this.#toKube(props)).name;
  }

  #toKube({ driver, metadata, ...props }: DriverNetworkPolicyProps): k8s.KubeNetworkPolicyProps {
    const { monitoringNamespace, csiAddonsNamespace } = props;
    const ingressRules = [
      ...(monitoringNamespace === undefined ? [] : [ingress(monitoringNamespace, metricsPorts)]),
      ...(csiAddonsNamespace === undefined ? [] : [ingress(csiAddonsNamespace, [csiAddonsPort])]),
    ];
    return {
      metadata: { ...metadata, namespace: driver.namespace },
      spec: {
        podSelector: { matchLabels: { ...driver.podLabels } },
        policyTypes: ['Ingress', 'Egress'],
        // Without a rule nobody comes in. An empty list says the same, but the API server would see a change at each apply.
        ...(ingressRules.length > 0 && { ingress: ingressRules }),
        egress: [
          { to: [inNamespace('kube-system')], ports: [port(53, 'UDP'), port(53)] },
          rule(props.apiServerCidrs, [443, 6443]),
          ...kmsRules(props.kmsConfig, props.kmsCidrs),
          ...(driver.config.backend.type === 'rbd' ? [cephRule(props.cephCidrs)] : []),
          ...(props.extraEgress ?? []),
        ],
      },
    };
  }
}

/** One rule for each destination, in a fixed order. */
function kmsRules({ kms }: IKmsConfigMap, cidrs: readonly string[] | undefined): k8s.NetworkPolicyEgressRule[] {
  const rules = new Map<string, k8s.NetworkPolicyEgressRule>();
  for (const endpoint of Object.values<KmsSettings>(kms).flatMap((settings) => kmsEndpoints(settings))) {
    const host = 'host' in endpoint ? endpoint.host : '';
    const [, namespace] = /^[^.]+\.([^.]+)\.svc(?:\.|$)/.exec(host) ?? [];
    const toAddress = isIP(host) === 0 ? cidrs : [`${host}/${isIP(host) === 4 ? 32 : 128}`];
    const added =
      namespace === undefined
        ? rule(toAddress, [endpoint.port])
        : { to: [inNamespace(namespace)], ports: [port(endpoint.port)] };
    rules.set(JSON.stringify(added), added);
  }
  return [...rules].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, added]) => added);
}

function ingress(namespace: string, portNames: readonly string[]): k8s.NetworkPolicyIngressRule {
  const ports = portNames.map((name) => ({ port: k8s.IntOrString.fromString(name), protocol: 'TCP' }));
  return { from: [inNamespace(namespace)], ports };
}

function rule(cidrs: readonly string[] | undefined, ports: readonly number[]): k8s.NetworkPolicyEgressRule {
  return {
    ports: ports.map((number) => port(number)),
    ...(cidrs && { to: cidrs.map((cidr) => ({ ipBlock: { cidr } })) }),
  };
}

/** Monitors listen at two ports, OSDs and managers anywhere in a range. */
function cephRule(cidrs: readonly string[] | undefined): k8s.NetworkPolicyEgressRule {
  const { ports = [], ...to } = rule(cidrs, [3300, 6789]);
  return { ...to, ports: [...ports, { ...port(6800), endPort: 7568 }] };
}

function port(number: number, protocol = 'TCP'): k8s.NetworkPolicyPort {
  return { port: k8s.IntOrString.fromNumber(number), protocol };
}

function inNamespace(name: string): k8s.NetworkPolicyPeer {
  return { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } } };
}

function refuseCidr(cidr: string, subject: string): void {
  const [address = '', length = ''] = cidr.split('/');
  const version = isIP(address);
  if (version !== 0 && /^\d{1,3}$/.test(length) && Number(length) <= (version === 4 ? 32 : 128)) return;
  throw propError({
    prop: `${subject}.cidrs`,
    got: JSON.stringify(cidr),
    allowed: 'a network in CIDR notation',
    remedy: 'Write for example "10.0.0.0/8"',
    rule: 'R18',
  });
}
