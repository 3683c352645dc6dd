// The sidecar that holds the Kubernetes identity: it alone reads what belongs to tenants, and only what the KMS names.
import { k8s } from 'cdk8s-plus-27';
import { configFileName, mountPaths } from '../schema/names';
import { imageUser } from './images';
import { apiAccessMount } from './sidecars';

/** Port of /healthz of the agent in a pod with a network of its own. */
export const defaultAgentPort = 9809;

/** Where both containers find the socket. */
export const tenantAgentEndpoint = `unix://${mountPaths.tenantAgent}/agent.sock`;

/** The folder of the socket, for both containers. */
export const tenantAgentMount: k8s.VolumeMount = { name: 'tenant-agent', mountPath: mountPaths.tenantAgent };

/** What the container is made of. */
export interface TenantAgentProps {
  readonly image: string;
  readonly kmsConfigName: string;
  readonly tenants: readonly string[];
  readonly healthPort: number;
}

/** The container. */
export function tenantAgentContainer({ image, tenants, healthPort }: TenantAgentProps): k8s.Container {
  const health = { httpGet: { path: '/healthz', port: k8s.IntOrString.fromString('agent-healthz') } };
  return {
    name: 'tenant-agent',
    image,
    args: [
      'tenant-agent',
      `--endpoint=${tenantAgentEndpoint}`,
      `--kms-config=${mountPaths.kms}/${configFileName}`,
      ...tenants.map((tenant) => `--tenant=${tenant}`),
      `--health-port=${healthPort}`,
    ],
    env: [{ name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } }],
    ports: [{ name: 'agent-healthz', containerPort: healthPort }],
    securityContext: {
      runAsNonRoot: true,
      // Its socket has mode 0600: the driver is root with all rights, or the same user.
      runAsUser: imageUser,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    // On a node that is short of processors a restart makes everything slower still: only who is silent for minutes hangs.
    startupProbe: { ...health, periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 300 },
    livenessProbe: { ...health, periodSeconds: 30, timeoutSeconds: 30, failureThreshold: 6 },
    resources: {
      requests: { cpu: k8s.Quantity.fromString('5m'), memory: k8s.Quantity.fromString('64Mi') },
      limits: { memory: k8s.Quantity.fromString('192Mi') },
    },
    volumeMounts: [tenantAgentMount, { name: 'kms-config', mountPath: mountPaths.kms, readOnly: true }, apiAccessMount],
  };
}

/** Its volumes. The KMS configuration comes without the Secrets that lie beside it in the driver's container. */
export function tenantAgentVolumes({ kmsConfigName }: TenantAgentProps): k8s.Volume[] {
  const items = [{ key: configFileName, path: configFileName }];
  return [
    { name: tenantAgentMount.name, emptyDir: {} },
    { name: 'kms-config', configMap: { name: kmsConfigName, items, optional: true } },
  ];
}
