/** The pages of the rules, docs/rules/*.md, written from the rules themselves. */
import { stringify } from 'yaml';
import { ruleExamples } from '../lib/rules/examples/examples';
import type { Rule, RuleInput } from '../lib/rules/rule';
import { rules } from '../lib/rules/rules';

const known = {
  reported: 'reported by users of the systems',
  source: 'read in the source of the systems',
  documented: 'stated in the documentation of the systems',
} as const satisfies Record<Rule['evidence']['known'], string>;

/** Name of each page, relative to docs/rules, with its text. */
export function rulePages(): ReadonlyMap<string, string> {
  return new Map([['README.md', indexPage()], ...rules.map((rule) => [`${rule.id}.md`, rulePage(rule)] as const)]);
}

function indexPage(): string {
  const rows = rules.map(({ id, title, severity }) => `| [${id}](${id}.md) | ${severity} | ${title} |`);
  return `# Rules

\`\`\`sh
keyward lint manifests/                                  # folders, files, or - for standard input
keyward lint --vault-state vault.json manifests/         # also what Vault and the manifests must agree on
keyward lint --previous deployed/ --cluster-version 1.34 --output sarif manifests/
keyward lint --list
\`\`\`

Fifteen mistakes that a cluster takes without a word, and that cost data, secrets or a night. Each is a rule with a stable id.
They look at all objects together: from the class to the ConfigMap, its KMS section, the Secrets, and on to mount, role and
policy of the Vault. What is not in the set is taken to be right.

| rule | severity | what goes wrong |
| --- | --- | --- |
${rows.join('\n')}

An error ends with exit code 1, a warning does not. Exit code 2: the check could not run.

## Four ways to run them

**In your own charts.** \`EncryptedStorage\`, \`CephCsiEncryptedStorage\`, \`RookKms\`, \`ApiServerEncryption\` and
\`KmsPluginStaticPod\` check themselves; what they know besides goes into \`rules\`. For any chart or app, before anything is
written:

\`\`\`ts
import { App, Chart } from 'cdk8s';
import { validateWithRules } from 'keyward/cdk8s';

const app = new App();
const chart = new Chart(app, 'storage');
validateWithRules(chart, { context: { clusterVersion: '1.34' } });
\`\`\`

**By the cdk8s CLI**, on any chart, in \`cdk8s.yaml\`:

\`\`\`yaml
validations:
  - package: keyward
    version: 0.1.0
    class: KeywardValidation
    properties:
      clusterVersion: "1.34"
      vaultState: vault.json
\`\`\`

The CLI validates what it has written: after a failure its exit code is 1, and the manifests are there to look at.

**By Pulumi**, as a policy pack, with \`pulumi preview --policy-pack policy/\`:

\`\`\`ts
import { PolicyPack } from '@pulumi/policy';
import { keywardPolicies } from 'keyward/policy';

new PolicyPack('keyward', { policies: keywardPolicies({ context: { clusterVersion: '1.34' } }) });
\`\`\`

Without a state of the Vault in the options, the policies read it from the \`@pulumi/vault\` resources of the stack: mounts,
transit keys, policies, auth methods and roles. A stack may be a part, so what is declared elsewhere is no mistake; a near
miss of a name is.

**On files**, by \`keyward lint\`, as above. Manifests of vault-config-operator among them are read as the state of the Vault
where no file is given.

## Texts inside of objects

An EncryptionConfiguration in a ConfigMap or in \`stringData\` of a Secret is looked into, and so are the files of nodes that
our constructs deliver: the static Pod and the configuration of the KMS plugin. \`keyward lint\` reads YAML and JSON there; the
other ways read JSON, and YAML with \`readYaml\`, for example of the package yaml:

\`\`\`ts
import { parseAllDocuments } from 'yaml';
import { keywardPolicies } from 'keyward/policy';

const readYaml = (text: string) => parseAllDocuments(text).map((document) => document.toJS());
keywardPolicies({ readYaml });
\`\`\`

## Where a rule does not hold

An object takes itself out of a rule with its id and a reason. Without a reason the rule holds.

\`\`\`yaml
metadata:
  annotations:
    keyward.io/ignore-rules: KW08
    keyward.io/ignore-reason: test cluster, its Vault has a certificate of its own
\`\`\`

What has no annotations, such as the state of a Vault, is left out with \`--skip\`. With \`--environment dev\` what harms real
data only is a warning. What was moved and proved readable is named with \`--migrated\`.
`;
}

function rulePage({ id, title, severity, why, evidence, remedy, checks }: Rule): string {
  const { failing, passing } = examplesOf(id);
  return `# ${id}: ${title}

${why}

- **Severity**: ${severity}
- **Known from**: ${known[evidence.known]} (${evidence.where})
- **Remedy**: ${remedy}.

## What is checked

${checks.map((check) => `- ${check}`).join('\n')}

## Wrong

${blocks(failing)}

## Right

${blocks(passing)}

[All rules](README.md)
`;
}

function examplesOf(id: string) {
  const examples = ruleExamples[id];
  if (examples === undefined) throw new Error(`no examples for ${id}: add them to lib/rules/examples/examples.ts`);
  return examples;
}

function blocks({ objects, vault, previous, previousVault }: RuleInput): string {
  const parts: readonly (readonly [string, readonly unknown[] | undefined])[] = [
    ['What is there now:', previous],
    ['The state of the Vault now:', previousVault === undefined ? undefined : [previousVault]],
    [previous === undefined && vault === undefined ? '' : 'The manifests:', objects.length === 0 ? undefined : objects],
    ['The state of the Vault:', vault === undefined ? undefined : [vault]],
  ];
  return parts
    .flatMap(([heading, documents]) =>
      documents === undefined ? [] : [`${heading}\n\n\`\`\`yaml\n${yaml(documents)}\`\`\``],
    )
    .map((block) => block.trimStart())
    .join('\n\n');
}

function yaml(documents: readonly unknown[]): string {
  return documents.map((each) => stringify(each, { aliasDuplicateObjects: false, lineWidth: 120 })).join('---\n');
}
