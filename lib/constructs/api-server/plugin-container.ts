// The parts of the plugin's container.
import type { Size } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import type { KmsPluginConfig } from '../../schema/kms-plugin';
import type { KmsPluginPlan } from './plugin-plan';

/** What the containers of both plugins share: the least rights, bounds, and two directories. */
export function pluginContainer({ directory, socketDirectory: socket }: KmsPluginPlan, memoryLimit: Size | undefined) {
  return {
    securityContext: {
      // Root owns the directories; without any capability it is root in name and files only.
      runAsUser: 0,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    resources: {
      requests: { cpu: k8s.Quantity.fromString('50m'), memory: k8s.Quantity.fromString('96Mi') },
      limits: { memory: k8s.Quantity.fromString(memoryLimit ? `${memoryLimit.toKibibytes()}Ki` : '256Mi') },
    },
    volumeMounts: [
      { name: 'config', mountPath: directory, readOnly: true },
      { name: 'socket', mountPath: socket },
    ],
  };
}

/** On the host network a probe without a host would ask the address of the node, where nobody listens. */
function get(config: KmsPluginConfig, path: string) {
  return {
    httpGet: { host: '127.0.0.1', path, port: k8s.IntOrString.fromNumber(config.health.port) },
    timeoutSeconds: 5,
  };
}

/** Probes of keyward: alive whether or not Vault is. */
export function keywardProbes(config: KmsPluginConfig) {
  if (config.health.port === 0) return {};
  return {
    startupProbe: { ...get(config, '/livez'), periodSeconds: 1, failureThreshold: 60 },
    livenessProbe: { ...get(config, '/livez'), periodSeconds: 10, failureThreshold: 5 },
    readinessProbe: { ...get(config, '/readyz'), periodSeconds: 10, failureThreshold: 3 },
  };
}

/** No liveness: its probe asks Vault, so an outage of Vault would restart the plugin again and again. */
export function peerProbes(config: KmsPluginConfig) {
  return { readinessProbe: { ...get(config, '/health'), periodSeconds: 10, failureThreshold: 3 } };
}
