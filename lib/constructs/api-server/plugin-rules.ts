// The rules over a KMS plugin and what the API server is told of it: files of nodes, which no chart holds as objects.
import { posix } from 'node:path';
import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { type OwnRulesProps, validateObjects } from '../rule-validation';
import type { NodeFile } from './node-file';
import type { KmsPluginPlan } from './plugin-plan';
import type { KmsPluginRisk } from './plugin-refusals';

/** What is checked beside the rules of the props. */
export interface PluginRulesProps {
  /** The plugin; its Pod is left out where the plugin is a service of the node. */
  readonly plugin: {
    readonly plan: KmsPluginPlan;
    readonly pod: k8s.KubePodProps;
    readonly files: readonly NodeFile[];
  };
  readonly isPod: boolean;
  /** Further documents of the control plane. */
  readonly documents?: readonly unknown[];
  readonly risks?: readonly KmsPluginRisk[];
  readonly rules: OwnRulesProps;
}

/** Rules that forbid what a risk takes by name; `refusePlugin` has looked at everything else of them. */
const riskOf: Readonly<Record<KmsPluginRisk, string>> = {
  'plain-http': 'KW08',
  'any-certificate': 'KW08',
  'vault-in-this-cluster': 'KW13',
};

/** Checks them together at each synth. */
export function validatePlugin(scope: Construct, props: PluginRulesProps): void {
  const { plugin, isPod, documents = [], risks = [], rules } = props;
  const skip = [...(rules.skip ?? []), ...risks.map((risk) => riskOf[risk])];
  const pod = isPod
    ? [k8s.KubePod.manifest(plugin.pod), ...plugin.files.map((file) => fileObject(file, plugin.plan))]
    : [];
  validateObjects(scope, () => [...pod, ...documents], { ...rules, skip });
}

/** The file as an object that delivers it: so the rules see what the Pod runs with. */
function fileObject({ path }: NodeFile, { name, config }: KmsPluginPlan) {
  const key = posix.basename(path);
  return {
    kind: 'ConfigMap',
    metadata: { name, annotations: { [`file.keyward.io/${key}`]: path } },
    data: { [key]: JSON.stringify(config) },
  };
}
