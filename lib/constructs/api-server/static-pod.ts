// The KMS plugin as a static Pod: the kubelet starts it from a file, before there is an API server to ask for anything.
import { createHash } from 'node:crypto';
import type { Size } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import type { KmsPluginConfig } from '../../schema/kms-plugin';
import { defaultImages } from '../images';
import { propError } from '../prop-error';
import type { OwnRulesProps } from '../rule-validation';
import type { NodeFile } from './node-file';
import { type KmsPluginImplementation, keywardArguments, peerArguments } from './plugin-command';
import { keywardProbes, peerProbes, pluginContainer } from './plugin-container';
import { type KmsPluginOptions, type KmsPluginPlan, kmsPluginPlan } from './plugin-plan';
import { validatePlugin } from './plugin-rules';

/** Props of a `KmsPluginStaticPod`. */
export interface KmsPluginStaticPodProps extends KmsPluginOptions {
  /**
   * Which plugin runs. vault-kubernetes-kms can log in with cert and jwt only: it takes all else on its command line.
   * @default keyward
   */
  readonly implementation?: KmsPluginImplementation;
  /**
   * Container image.
   * @default - the release of keyward; to be given for vault-kubernetes-kms, whose images are for amd64 only
   */
  readonly image?: string;
  /**
   * Memory limit.
   * @default - 256Mi
   */
  readonly memoryLimit?: Size;
  /**
   * What the rules know besides, such as the state of the Vault, and which of them do not hold here.
   * @default - all rules hold; nothing else is known
   */
  readonly rules?: OwnRulesProps;
}

/** The Pod, and the files that it needs on the node. */
export interface KmsPluginPod {
  readonly plan: KmsPluginPlan;
  readonly pod: k8s.KubePodProps;
  /** Configuration files; none where flags carry it. */
  readonly files: readonly NodeFile[];
}

/** Builds the Pod. Throws as `kmsPluginPlan`, and for what vault-kubernetes-kms cannot do. */
export function kmsPluginPod(subject: string, props: Omit<KmsPluginStaticPodProps, 'rules'>): KmsPluginPod {
  const plan = kmsPluginPlan(subject, props);
  const { implementation = 'keyward' } = props;
  const isKeyward = implementation === 'keyward';
  const container: k8s.Container = isKeyward
    ? {
        name: 'keyward',
        image: props.image ?? defaultImages.keyward,
        args: keywardArguments(plan.configFile.path),
        ...keywardProbes(plan.config),
        ...pluginContainer(plan, props.memoryLimit),
      }
    : {
        name: 'vault-kubernetes-kms',
        image: props.image ?? refuseNoImage(subject),
        command: ['/vault-kubernetes-kms'],
        args: peerArguments(subject, props.config, plan.config),
        ...peerProbes(plan.config),
        ...pluginContainer(plan, props.memoryLimit),
      };
  const labels = {
    'app.kubernetes.io/name': implementation,
    'app.kubernetes.io/component': 'kms-plugin',
    tier: 'control-plane',
  };
  // The kubelet restarts a static Pod when its manifest changes, and does not look at the files that it mounts.
  const annotations = { 'keyward.io/config-hash': hash(plan.configFile.text) };
  const pod: k8s.KubePodProps = {
    metadata: { name: plan.name, namespace: 'kube-system', labels, ...(isKeyward && { annotations }) },
    spec: {
      priorityClassName: 'system-node-critical',
      // No network of the cluster, and no name of it, is there when the node starts.
      hostNetwork: true,
      dnsPolicy: 'Default',
      ...(props.apiServerGroup !== undefined && { securityContext: { supplementalGroups: [props.apiServerGroup] } }),
      terminationGracePeriodSeconds: 30,
      containers: [container],
      volumes: [
        { name: 'config', hostPath: { path: plan.directory, type: 'Directory' } },
        { name: 'socket', hostPath: { path: plan.socketDirectory, type: 'DirectoryOrCreate' } },
      ],
    },
  };
  return { plan, pod, files: isKeyward ? [plan.configFile] : [] };
}

/**
 * A static Pod, in a chart of its own: what is synthesised goes to the folder of static Pods on each control-plane node,
 * with `files` beside it, and is never applied to the cluster.
 */
export class KmsPluginStaticPod extends Construct {
  /** The configuration as the plugin will read it, with every default. */
  readonly config: KmsPluginConfig;
  /** The endpoint for the EncryptionConfiguration. */
  readonly endpoint: string;
  /** What the API server must mount, at the same path. */
  readonly socketDirectory: string;
  /** Files that must be on the node before the Pod. */
  readonly files: readonly NodeFile[];

  constructor(scope: Construct, id: string, { rules = {}, ...props }: KmsPluginStaticPodProps) {
    super(scope, id);
    const plugin = kmsPluginPod(this.node.path, props);
    const { plan, pod, files } = plugin;
    this.config = plan.config;
    this.endpoint = plan.config.socket.endpoint;
    this.socketDirectory = plan.socketDirectory;
    this.files = files;
    new k8s.KubePod(this, 'Resource', pod);
    validatePlugin(this, { plugin, isPod: true, rules, ...(props.risks && { risks: props.risks }) });
  }
}

function refuseNoImage(subject: string): never {
  throw propError({
    prop: `${subject}.image`,
    got: 'nothing',
    allowed: 'an image of vault-kubernetes-kms, with its tag or digest',
    remedy: 'Pin the release that you have tested; there are images for amd64 only',
    rule: 'trap 9',
  });
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
