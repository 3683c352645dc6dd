// Makes a Vault or OpenBao ready where GitOps applies the rest: a Job that runs `keyward vault apply` with a state.
import { createHash } from 'node:crypto';
import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { formatVaultState } from '../vault/format';
import { decodeVaultState, type VaultState } from '../vault/state';
import { defaultImages } from './images';
import { ownNamespace } from './own-namespace';
import { propError } from './prop-error';
import {
  stateFileName,
  type VaultBootstrapLogin,
  type VaultBootstrapServer,
  vaultBootstrapPod,
} from './vault-bootstrap-pod';

/** Props of a `VaultBootstrapJob`. */
export interface VaultBootstrapJobProps {
  /** What the server shall hold. Secrets in it are references to Secrets of the namespace of the Job. */
  readonly state: VaultState;
  /** The server. */
  readonly server: VaultBootstrapServer;
  /** How the Job logs in. */
  readonly login: VaultBootstrapLogin;
  /**
   * Namespace of the Job and what it reads.
   * @default - the namespace of the chart
   */
  readonly namespace?: string;
  /**
   * Name of the service account; Job and ConfigMap are named so with a hash of their content behind it.
   * @default - `keyward-vault-` and the owner of the state
   */
  readonly name?: string;
  /**
   * Image of keyward.
   * @default - that of this version
   */
  readonly image?: string;
  /**
   * Paths of objects that exist and shall be taken over, as `keyward vault plan` shows them.
   * @default - none
   */
  readonly adopt?: readonly string[];
  /**
   * Paths of objects that may be removed although data is lost with them.
   * @default - none
   */
  readonly deleteData?: readonly string[];
  /**
   * Paths of transit keys whose older versions may stop decrypting.
   * @default - none
   */
  readonly raiseMinDecryption?: readonly string[];
  /**
   * How often the Job is begun again after a failure; each time it goes on where it was.
   * @default 10
   */
  readonly backoffLimit?: number;
  /**
   * Annotations of all three objects, for the order in which they are applied. Flux orders whole Kustomizations: give the
   * one of the Job `wait: true` and name it in `dependsOn` of the others.
   * @default - Argo CD's sync wave -1: before everything that names none
   */
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Kubernetes keeps no larger ConfigMap. */
const maxStateBytes = 1_000_000;
const hashLength = 10;

/**
 * A Job that applies a state. Jobs cannot be changed (trap 10), so its name follows from its content: a changed state makes
 * a new Job, the same one does nothing. It is not removed when it has ended, because a GitOps controller would run it again.
 *
 * Throws a SchemaError for a state that does not fit together, and for props that cannot work.
 */
export class VaultBootstrapJob extends Construct {
  /** Name of the Job. */
  readonly name: string;
  /** The account that a Kubernetes role at the server must be bound to. */
  readonly serviceAccount: { readonly name: string; readonly namespace: string };

  constructor(scope: Construct, id: string, props: VaultBootstrapJobProps) {
    super(scope, id);
    const subject = this.node.path;
    const namespace = ownNamespace(this, props);
    const state = decodeVaultState(props.state);
    const { name = `keyward-vault-${state.owner}`, adopt = [], deleteData = [], raiseMinDecryption = [] } = props;
    refuseOpenAddress(subject, props.server.address);
    refuseLongName(subject, name);
    const text = formatVaultState(state);
    refuseLargeState(subject, text);
    const podProps = {
      state,
      server: props.server,
      login: props.login,
      namespace,
      image: props.image ?? defaultImages.keyward,
      serviceAccountName: name,
      adopt,
      deleteData,
      raiseMinDecryption,
    };
    const content = JSON.stringify([text, podLabels(name), vaultBootstrapPod(podProps, '')]);
    this.name = `${name}-${createHash('sha256').update(content).digest('hex').slice(0, hashLength)}`;
    this.serviceAccount = { name, namespace };
    const annotations = { 'argocd.argoproj.io/sync-wave': '-1', ...props.annotations };
    new k8s.KubeServiceAccount(this, 'ServiceAccount', {
      metadata: { name, namespace, annotations },
      automountServiceAccountToken: false,
    });
    const metadata = { name: this.name, namespace, annotations };
    new k8s.KubeConfigMap(this, 'State', { metadata, immutable: true, data: { [stateFileName]: text } });
    new k8s.KubeJob(this, 'Resource', {
      metadata,
      spec: {
        backoffLimit: props.backoffLimit ?? 10,
        // The API server adds labels to a template. Where it has none of its own, applying the same Job again is a change.
        template: { metadata: { labels: podLabels(name) }, spec: vaultBootstrapPod(podProps, this.name) },
      },
    });
  }
}

/** Not those of the driver's pods: policies and monitors select by them. */
function podLabels(name: string): Record<string, string> {
  return { 'app.kubernetes.io/name': 'keyward-vault-apply', 'app.kubernetes.io/instance': name };
}

function refuseOpenAddress(subject: string, address: string): void {
  if (address.startsWith('https://')) return;
  throw propError({
    prop: `${subject}.server.address`,
    got: JSON.stringify(address),
    allowed: 'https://host:port',
    remedy: 'The Job shows a credential that may configure the server: use TLS, and give its CA',
    rule: 'trap 8',
  });
}

/** The name of a Job becomes a label of its pods. */
function refuseLongName(subject: string, name: string): void {
  const longest = 63 - hashLength - 1;
  if (name.length <= longest) return;
  throw propError({
    prop: `${subject}.name`,
    got: `${name.length} letters`,
    allowed: `up to ${longest}`,
    remedy: 'Give a shorter name: a hash comes behind it',
  });
}

function refuseLargeState(subject: string, text: string): void {
  const size = Buffer.byteLength(text);
  if (size <= maxStateBytes) return;
  throw propError({
    prop: `${subject}.state`,
    got: `${size} bytes`,
    allowed: `up to ${maxStateBytes}`,
    remedy: 'Split it into states of several owners, or apply it with `keyward vault apply` or Pulumi',
  });
}
