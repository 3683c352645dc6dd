/** Whether an API server's EncryptionConfiguration fits the plugin: endpoint, version, time-out and order of providers. */
import * as z from 'zod';
import type { KmsPluginConfig } from '../../../lib/schema/kms-plugin';
import { parseSocketAddress } from '../../grpc/socket-address';
import { readDocument } from '../settings/read-file';
import { type Finding, failed, failure, ok, warning } from './finding';

const kms = z.looseObject({
  apiVersion: z.string().default('v1'),
  name: z.string().default(''),
  endpoint: z.string().default(''),
  timeout: z.string().default('3s'),
  cachesize: z.number().optional(),
});
const provider = z.looseObject({ kms: kms.optional(), identity: z.unknown().optional() });
const shape = z.looseObject({
  kind: z.literal('EncryptionConfiguration'),
  resources: z.array(z.looseObject({ resources: z.array(z.string()), providers: z.array(provider) })),
});

type Kms = z.infer<typeof kms>;
type Providers = z.infer<typeof provider>[];

/** @param path file that the API server reads with --encryption-provider-config */
export async function checkEncryptionConfig(path: string, config: KmsPluginConfig): Promise<readonly Finding[]> {
  const check = `encryption config: ${path}`;
  let document: unknown;
  try {
    document = await readDocument(path);
  } catch (error) {
    return [failure(check, error)];
  }
  const parsed = shape.safeParse(document);
  if (!parsed.success) {
    return [failed(check, 'it is no EncryptionConfiguration', 'Name the file of --encryption-provider-config.')];
  }
  const findings = parsed.data.resources.flatMap(({ resources, providers }) =>
    providersFindings(`${check} (${resources.join(', ')})`, providers, config),
  );
  return findings.length > 0 ? findings : [failed(check, 'it names no resources', 'Encrypt at least secrets.')];
}

function providersFindings(check: string, providers: Providers, config: KmsPluginConfig): readonly Finding[] {
  const index = providers.findIndex((each) => each.kms && isOurs(each.kms, config));
  const ours = providers[index]?.kms;
  if (!ours) {
    return [
      failed(check, `no provider has the endpoint ${config.socket.endpoint}`, 'Correct the endpoint here or --socket.'),
    ];
  }
  const findings = [...entryFindings(check, ours, config)];
  if (index > 0) {
    findings.push(
      warning(check, 'the provider is not the first one, so it reads but does not write', 'Put it first, at last.'),
    );
  }
  const identity = providers.findIndex((each) => each.identity !== undefined);
  if (identity >= 0 && identity < providers.length - 1) {
    findings.push(warning(check, 'identity is not the last provider', 'Put "identity: {}" last during a roll-out.'));
  }
  return findings.some(({ result }) => result !== 'ok') ? findings : [ok(check, `served as ${ours.apiVersion}`)];
}

function entryFindings(
  check: string,
  { apiVersion, name, timeout, cachesize }: Kms,
  config: KmsPluginConfig,
): Finding[] {
  const findings: Finding[] = [];
  const isServed = (apiVersion === 'v1' && config.api.v1) || (apiVersion === 'v2' && config.api.v2);
  if (!isServed) {
    findings.push(failed(check, `the plugin does not serve ${apiVersion}`, 'Use v2, and do not give --disable-v2.'));
  }
  if (apiVersion === 'v1') {
    findings.push(
      warning(check, 'KMS v1 is off since Kubernetes 1.29 and calls the KMS for each object', 'Use apiVersion: v2.'),
    );
  }
  if (name === '' || name.includes(':')) findings.push(failed(check, 'the name is empty or has a colon', 'Rename it.'));
  if (apiVersion === 'v2' && cachesize !== undefined) {
    findings.push(failed(check, 'cachesize is not allowed with v2', 'Remove it.'));
  }
  const timeoutMs = goDurationMs(timeout);
  if (timeoutMs !== undefined && timeoutMs <= config.calls.timeoutMs) {
    findings.push(
      warning(
        check,
        `the API server gives up after ${timeout}, before the plugin does (${config.calls.timeoutMs} ms)`,
        'Raise the timeout, or lower --call-timeout-ms.',
      ),
    );
  }
  return findings;
}

function isOurs({ endpoint }: Kms, config: KmsPluginConfig): boolean {
  const key = (text: string) => JSON.stringify(parseSocketAddress(text));
  try {
    return key(endpoint) === key(config.socket.endpoint);
  } catch {
    // An endpoint that cannot be read is not ours.
    return false;
  }
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a Go duration such as `1m30s`; undefined when it is none of whole numbers. */
function goDurationMs(text: string): number | undefined {
  if (!/^(\d+(ms|s|m|h))+$/.test(text)) return undefined;
  return [...text.matchAll(/(\d+)(ms|s|m|h)/g)].reduce(
    (sum, [, n, unit]) => sum + Number(n) * (unitMs[unit ?? ''] ?? 0),
    0,
  );
}
