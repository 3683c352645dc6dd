/**
 * A stand-in for the official Kubernetes provider of Pulumi, for tests: it applies what a program declares to a real API
 * server. It waits for no rollout, knows no preview of unknown values, and keeps what was declared in the state, as
 * `__inputs`, because the SDK hands no inputs to `read`.
 */
import type {
  CheckResult,
  CreateResult,
  DiffResult,
  Provider,
  ReadResult,
  UpdateResult,
} from '@pulumi/pulumi/provider';
import type { ClusterApi, ClusterObject } from './cluster-api';
import { liveInputs } from './live-inputs';
import { conceal, reveal } from './secrets';

type Properties = Readonly<Record<string, unknown>>;

export class StandInProvider implements Provider {
  readonly version = '0.0.0-standin';
  readonly #api: ClusterApi;

  constructor(api: ClusterApi) {
    this.#api = api;
  }

  async check(_urn: string, _olds: Properties, news: Properties): Promise<CheckResult> {
    return { inputs: conceal(news) };
  }

  /** Another name is another object. The rest is left to the engine, which compares what was declared. */
  async diff(_id: string, _urn: string, olds: Properties, news: Properties): Promise<DiffResult> {
    const isSame = identity(objectOf(olds)) === identity(objectOf(news));
    return isSame ? {} : { changes: true, replaces: ['metadata'] };
  }

  async create(_urn: string, inputs: Properties): Promise<CreateResult> {
    const declared = objectOf(inputs);
    return { id: identity(declared), outs: state(declared, await this.#api.apply(declared)) };
  }

  async read(id: string, _urn: string, props: Properties): Promise<ReadResult> {
    const old = objectOf(props);
    const live = await this.#api.read(old);
    if (live === undefined) return { id: '', props: {} };
    const inputs = liveInputs(objectOf(old.__inputs as Properties), live);
    return { id, inputs: conceal(inputs), props: state(inputs, live) };
  }

  async update(_id: string, _urn: string, _olds: Properties, news: Properties): Promise<UpdateResult> {
    const declared = objectOf(news);
    return { outs: state(declared, await this.#api.apply(declared)) };
  }

  async delete(_id: string, _urn: string, props: Properties): Promise<void> {
    await this.#api.delete(objectOf(props));
  }
}

function objectOf(properties: Properties): ClusterObject {
  return reveal(properties) as ClusterObject;
}

function identity({ metadata: { namespace, name } }: ClusterObject): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** `managedFields` says only who applied what. */
function state(
  inputs: ClusterObject,
  { metadata: { managedFields, ...metadata }, ...live }: ClusterObject,
): Properties {
  return { ...conceal({ ...live, metadata }), __inputs: conceal(inputs) };
}
