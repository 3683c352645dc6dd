/** The four ways of running the rules, each as its user meets it. Each answers with the ids of the rules that fail. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as analyzer from '@pulumi/pulumi/proto/analyzer_pb';
import { ApiObject, App, Chart } from 'cdk8s';
import { stringify } from 'yaml';
import { keywardPolicies } from '../../../lib/components/policy-pack';
import { validateWithRules } from '../../../lib/constructs/rule-validation';
import type { RuleInput } from '../../../lib/rules/rule';

/** What a gRPC server calls for a stack. The package has no types for it. */
type AnalyzeStack = (
  call: { readonly request: analyzer.AnalyzeStackRequest },
  callback: (error: unknown, answer: analyzer.AnalyzeResponse) => void,
) => void;

const { makeAnalyzeStackRpcFun } = require('@pulumi/policy/server') as {
  makeAnalyzeStackRpcFun: (name: string, version: string, level: string, policies: unknown) => AnalyzeStack;
};

/** The messages must be made by the library that Pulumi itself loads. */
const { Struct } = createRequire(require.resolve('@pulumi/pulumi'))('google-protobuf/google/protobuf/struct_pb') as {
  Struct: { fromJavaScript(value: object): Parameters<analyzer.AnalyzerResource['setProperties']>[0] };
};

/** The objects of an example, with what each way needs besides. */
type Fields = Readonly<Record<string, unknown>> & { readonly apiVersion: string; readonly kind: string };

/** A folder with the documents of an input. */
export interface InputFiles {
  readonly manifests: string;
  readonly previous: string | undefined;
  readonly vault: string | undefined;
  readonly previousVault: string | undefined;
}

/** Writes an input as files of YAML. */
export function writeInput({ objects, vault, previous, previousVault }: RuleInput): InputFiles {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-rules-'));
  const write = (name: string, documents: readonly unknown[]) => {
    const path = join(folder, name);
    writeFileSync(path, documents.map((each) => `---\n${stringify(each, { aliasDuplicateObjects: false })}`).join(''));
    return path;
  };
  return {
    manifests: write('manifests.yaml', objects),
    previous: previous && write('previous.yaml', previous),
    vault: vault === undefined ? undefined : write('vault.yaml', [vault]),
    previousVault: previousVault === undefined ? undefined : write('previous-vault.yaml', [previousVault]),
  };
}

/** Validation of constructs: synthesises a chart. */
export function byConstructs({ objects, ...input }: RuleInput): readonly string[] {
  const chart = new Chart(new App(), 'chart');
  for (const [index, object] of objects.entries()) new ApiObject(chart, `Object-${index}`, object as Fields);
  validateWithRules(chart, input);
  try {
    chart.toJson();
    return [];
  } catch (error) {
    return idsIn(String(error));
  }
}

/** `keyward lint` in a process of its own. */
export function byLint(executable: string, input: RuleInput): readonly string[] {
  const { manifests, previous, vault, previousVault } = writeInput(input);
  const flags = [
    ...(previous === undefined ? [] : ['--previous', previous]),
    ...(vault === undefined ? [] : ['--vault-state', vault]),
    ...(previousVault === undefined ? [] : ['--previous-vault-state', previousVault]),
  ];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [executable, 'lint', '--output', 'json', ...flags, manifests],
    { encoding: 'utf8', timeout: 120_000 },
  );
  if (status !== 0 && status !== 1) throw new Error(stderr);
  const findings = JSON.parse(stdout) as { rule: string; severity: string }[];
  const ids = findings.filter(({ severity }) => severity === 'error').map(({ rule }) => rule);
  // The exit code is what a pipeline looks at.
  if ((status === 1) !== ids.length > 0) throw new Error(`exit code ${status} with ${ids.length} errors`);
  return [...new Set(ids)];
}

/** The policies through the SDK of Pulumi, as the engine calls them: resources over the wire format, diagnostics back. */
export async function byPolicies({ objects, ...input }: RuleInput): Promise<readonly string[]> {
  const diagnostics = await analyzeStack(
    objects.map((object) => resourceOf(object as Fields)),
    input,
  );
  return idsIn(
    diagnostics
      .filter(({ level }) => level === mandatory)
      .map(({ message }) => message)
      .join('\n'),
  );
}

const mandatory = 1;

/** A diagnostic of the policies. */
interface Diagnostic {
  readonly policy: string;
  readonly message: string;
  readonly level: number;
  readonly urn: string;
}

/** Runs all policies over resources. */
export async function analyzeStack(
  resources: readonly analyzer.AnalyzerResource[],
  input: Omit<RuleInput, 'objects'> = {},
): Promise<readonly Diagnostic[]> {
  const request = new analyzer.AnalyzeStackRequest();
  request.setResourcesList([...resources]);
  const analyze = makeAnalyzeStackRpcFun('keyward', '1.0.0', 'mandatory', keywardPolicies(input));
  const response = await new Promise<analyzer.AnalyzeResponse>((resolve, reject) => {
    analyze({ request }, (error: unknown, answer: analyzer.AnalyzeResponse) =>
      error ? reject(error) : resolve(answer),
    );
  });
  return response.getDiagnosticsList().map((each) => ({
    policy: each.getPolicyname(),
    message: each.getMessage(),
    level: each.getEnforcementlevel(),
    urn: each.getUrn(),
  }));
}

/** A Kubernetes object as a resource of a stack. */
export function resourceOf(object: Fields, additionalSecretOutputs: readonly string[] = []): analyzer.AnalyzerResource {
  const resource = new analyzer.AnalyzerResource();
  const version = object.apiVersion.includes('/') ? object.apiVersion : `core/${object.apiVersion}`;
  const type = `kubernetes:${version}:${object.kind}`;
  const name = JSON.stringify((object.metadata as Fields | undefined)?.name ?? 'unnamed');
  resource.setType(type);
  resource.setName(name);
  resource.setUrn(`urn:pulumi:dev::storage::${type}::${name}`);
  resource.setProperties(Struct.fromJavaScript(object));
  const options = new analyzer.AnalyzerResourceOptions();
  options.setAdditionalsecretoutputsList([...additionalSecretOutputs]);
  resource.setOptions(options);
  return resource;
}

function idsIn(text: string): readonly string[] {
  return [...new Set(text.match(/\bKW\d\d(?= )/g) ?? [])].sort();
}
