/**
 * What the agent may be asked for: the objects that the KMS configuration names, and nothing else. A caller that says
 * another name, another key or another tenant is refused before anything is asked of Kubernetes.
 */
import { type KmsSecretSource, type KmsSettings, kmsSecretSources, kmsSettingsFor } from '../../lib/schema/kms';
import { labelName, objectName } from '../../lib/schema/names';
import { SchemaError } from '../../lib/schema/schema-error';
import { CodedError } from '../errors';
import type { KmsSettingsById } from '../kms/kms-set';

export interface PermitsOptions {
  readonly kms: KmsSettingsById;
  /** The tenants that are served; undefined: those whose RBAC lets the agent. */
  readonly tenants?: ReadonlySet<string>;
}

/** What is asked, in the words of the port. */
export type Ask =
  | {
      readonly what: 'secret';
      readonly namespace: string;
      readonly name: string;
      readonly key: string;
      readonly orOfDriver: boolean;
    }
  | { readonly what: 'config-map'; readonly namespace: string; readonly name: string }
  | {
      readonly what: 'token';
      readonly namespace: string;
      readonly name: string;
      readonly audience: string | undefined;
    };

type Config = Readonly<Record<string, string>> | undefined;

export class Permits {
  readonly #kms: KmsSettingsById;
  readonly #tenants: ReadonlySet<string> | undefined;

  constructor({ kms, tenants }: PermitsOptions) {
    this.#kms = kms;
    this.#tenants = tenants;
  }

  /**
   * @param readConfig gives the tenant's own ConfigMap of that name: it may name another account or Secret of the tenant's
   * @returns who named the object; what a tenant names must be its own
   * @throws CodedError KMS_DENIED, REQUEST_INVALID; and what `readConfig` and the settings throw.
   */
  async require(ask: Ask, readConfig: (name: string) => Promise<Config>): Promise<'administrator' | 'tenant'> {
    requireNames(ask);
    const isTenant = this.#tenants?.has(ask.namespace) ?? true;
    for (const settings of this.#kms.values()) {
      const sources = sourcesFor(settings, ask.namespace, undefined);
      if (sources.some((source) => covers(source, ask, isTenant))) return 'administrator';
    }
    if (!isTenant) throw refused(ask, `${ask.namespace} is not one of its tenants`);
    if (ask.what !== 'config-map') {
      for (const settings of this.#kms.values()) {
        for (const source of sourcesFor(settings, ask.namespace, undefined)) {
          if (source.from !== 'config-map') continue;
          const own = sourcesFor(settings, ask.namespace, await readConfig(source.name));
          if (own.some((each) => covers(each, ask, true))) return 'tenant';
        }
      }
    }
    throw refused(ask, 'no KMS of its configuration names it');
  }
}

/** Settings that the tenant spoilt name nothing. */
function sourcesFor(settings: KmsSettings, tenant: string, config: Config): readonly KmsSecretSource[] {
  try {
    return kmsSecretSources(kmsSettingsFor(settings, tenant, config));
  } catch (error) {
    if (error instanceof SchemaError) return [];
    throw error;
  }
}

function covers(source: KmsSecretSource, ask: Ask, isTenant: boolean): boolean {
  switch (ask.what) {
    case 'secret':
      return (
        source.from === 'secret' &&
        (source.namespace === undefined ? isTenant : source.namespace === ask.namespace) &&
        source.name === ask.name &&
        source.key === ask.key &&
        (!ask.orOfDriver || source.orOfDriver === true)
      );
    case 'config-map':
      return isTenant && source.from === 'config-map' && source.name === ask.name;
    case 'token':
      return (
        isTenant &&
        source.from === 'token-request' &&
        source.serviceAccount === ask.name &&
        source.audience === ask.audience
      );
  }
}

function requireNames(ask: Ask): void {
  const isKey = ask.what !== 'secret' || (/^[-._a-zA-Z0-9]{1,253}$/.test(ask.key) && !/^\.\.?$/.test(ask.key));
  if (labelName.safeParse(ask.namespace).success && objectName.safeParse(ask.name).success && isKey) return;
  throw new CodedError('REQUEST_INVALID', 'the namespace, name or key is not one of Kubernetes', {
    remedy: 'Correct the names in the configuration of the KMS, or the namespace of the claim.',
  });
}

function refused({ what, namespace, name }: Ask, why: string): CodedError {
  return new CodedError('KMS_DENIED', `the tenant agent does not serve the ${what} ${namespace}/${name}: ${why}`, {
    remedy: 'Give driver and agent the same KMS configuration, and name the tenant in the declaration.',
  });
}
