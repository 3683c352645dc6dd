/** Secret values on the wire of Pulumi's provider protocol: an object with this signature around the value. */
const signatureKey = '4dabf18193072939515e22adb298388d';
const secretSignature = '1b47061264138c4ac30d75fd1eb44270';

/** The value with every secret in the clear, as the API server wants it. */
export function reveal(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reveal);
  if (typeof value !== 'object' || value === null) return value;
  if ((value as Record<string, unknown>)[signatureKey] === secretSignature)
    return reveal((value as Record<string, unknown>).value);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, reveal(inner)]));
}

/** Marks what a Secret holds, so that the engine encrypts it in the state. */
export function conceal(object: Readonly<Record<string, unknown>>): Record<string, unknown> {
  if (object.apiVersion !== 'v1' || object.kind !== 'Secret') return { ...object };
  const concealed = ['data', 'stringData'].flatMap((key) =>
    object[key] === undefined ? [] : [[key, { [signatureKey]: secretSignature, value: reveal(object[key]) }]],
  );
  return { ...object, ...Object.fromEntries(concealed) };
}
