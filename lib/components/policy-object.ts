// A Kubernetes resource of a stack as the plain object that the rules read.
import type { PolicyResource } from '@pulumi/policy';

/** Fields of a Secret that Pulumi keeps encrypted when the resource says so. */
const secretFields = ['data', 'stringData'];

/**
 * The properties without what is not known yet, which a preview leaves open. Values of a Secret that are encrypted in the
 * state of Pulumi are not looked at: policies see them in clear, though they are nowhere in clear.
 */
export function policyObject({ props, opts }: PolicyResource): unknown {
  const object = known(props);
  if (typeof object !== 'object' || object === null) return object;
  const hidden = secretFields.filter((field) => opts.additionalSecretOutputs.includes(field));
  const masked = hidden.flatMap((field) => {
    const values = (object as Readonly<Record<string, unknown>>)[field];
    return typeof values === 'object' && values !== null ? [[field, mask(values)] as const] : [];
  });
  return { ...object, ...Object.fromEntries(masked) };
}

function mask(values: object): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.keys(values).map((key) => [key, '[secret]']));
}

/** @pulumi/policy throws where a value is read that only the update will know. */
function known(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((_, index) => read(value, index));
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.keys(value).map((key) => [key, read(value, key)] as const);
  return Object.fromEntries(members.filter(([, member]) => member !== undefined));
}

function read(holder: object, key: string | number): unknown {
  let member: unknown;
  try {
    member = (holder as Readonly<Record<string | number, unknown>>)[key];
  } catch (error) {
    if (error instanceof Error && error.constructor.name === 'UnknownValueError') return undefined;
    throw error;
  }
  return known(member);
}
