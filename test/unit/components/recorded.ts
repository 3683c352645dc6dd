// Runs a Pulumi program against Pulumi's own mock monitor and keeps what went over the wire.
import { runtime } from '@pulumi/pulumi';
import type { RegisterResourceOutputsRequest, RegisterResourceRequest } from '@pulumi/pulumi/proto/resource_pb';
import { MockMonitor } from '@pulumi/pulumi/runtime/mocks';

/** A resource as the engine is asked for it. */
export interface Registration {
  readonly type: string;
  readonly name: string;
  readonly parent: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly dependencies: readonly string[];
  readonly protect: boolean;
  readonly aliases: readonly string[];
  readonly provider: string;
  readonly version: string;
  readonly replaceOnChanges: readonly string[];
  readonly deleteBeforeReplace: boolean;
}

/** What a program did. */
export interface Recording {
  /** By type and name: requests that do not wait for each other go out in any order. */
  readonly registrations: readonly Registration[];
  /** Outputs that were registered, by URN. */
  readonly outputs: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
}

/** Runs the program to its end, all registrations included. Rejects as the program does. */
export async function recorded(program: () => unknown, { preview = false } = {}): Promise<Recording> {
  const mocks: runtime.Mocks = {
    call: () => ({}),
    newResource: ({ type, name, inputs }) => {
      const drawn = type.endsWith(':AuthBackend') ? { accessor: `accessor-of-${name}` } : {};
      return { id: `id-of-${name}`, state: { ...inputs, ...drawn } };
    },
  };
  await runtime.setMocks(mocks, 'keyward', 'test', preview);
  const registered = jest.spyOn(MockMonitor.prototype, 'registerResource');
  const finished = jest.spyOn(MockMonitor.prototype, 'registerResourceOutputs');
  try {
    await program();
    await runtime.disconnect();
    return {
      registrations: registered.mock.calls
        .map(([request]) => registration(request as RegisterResourceRequest))
        .sort(byTypeAndName),
      outputs: new Map(finished.mock.calls.map(([request]) => outputsOf(request as RegisterResourceOutputsRequest))),
    };
  } finally {
    registered.mockRestore();
    finished.mockRestore();
  }
}

/** The objects of the cluster among the registrations. */
export function kubernetesObjects({ registrations }: Recording): readonly Registration[] {
  return registrations.filter(({ type }) => type.startsWith('kubernetes:'));
}

/** The only registration of a type (and a name that ends so). */
export function onlyOf({ registrations }: Recording, type: string, suffix = ''): Registration {
  const [first, ...more] = registrations.filter((it) => it.type === type && it.name.endsWith(suffix));
  if (first === undefined || more.length > 0)
    throw new Error(`expected one ${type}, found ${more.length + (first ? 1 : 0)}`);
  return first;
}

function byTypeAndName(left: Registration, right: Registration): number {
  return `${left.type} ${left.name}` < `${right.type} ${right.name}` ? -1 : 1;
}

function registration(request: RegisterResourceRequest): Registration {
  return {
    type: request.getType(),
    name: request.getName(),
    parent: request.getParent(),
    inputs: request.getObject()?.toJavaScript() ?? {},
    dependencies: request.getDependenciesList().sort(),
    protect: request.getProtect() ?? false,
    aliases: request.getAliasesList().map((alias) => alias.getUrn() || (alias.getSpec()?.getName() ?? '')),
    provider: request.getProvider(),
    version: request.getVersion(),
    replaceOnChanges: request.getReplaceonchangesList(),
    deleteBeforeReplace: request.getDeletebeforereplace(),
  };
}

function outputsOf(request: RegisterResourceOutputsRequest): [string, Readonly<Record<string, unknown>>] {
  return [request.getUrn(), request.getOutputs()?.toJavaScript() ?? {}];
}
