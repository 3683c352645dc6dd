// Types that are written out for readers, beside the schemas that check the same shapes at run time. With `Same` a file says
// that the two agree: `true satisfies Same<Written, z.output<typeof schema>>` compiles only if they do.

/** `true` if the written type is the inferred one made read-only, field by field, with the same optional ones. */
export type Same<Written, Inferred> = IsSame<Written, DeepReadonly<Inferred>>;

/** A type as a declaration writes it: the fields `Defaulted` may be left out. */
export type WithDefaults<T, Defaulted extends keyof T = keyof T> = {
  readonly [K in keyof Loose<T, Defaulted>]: Loose<T, Defaulted>[K];
};

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

type Loose<T, Defaulted extends keyof T> = Omit<T, Defaulted> & { readonly [K in Defaulted]?: T[K] | undefined };

// Two conditional types are assignable to each other only if what they compare with is identical. Assignability alone would
// not see an optional field that one of them lacks.
type IsSame<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
