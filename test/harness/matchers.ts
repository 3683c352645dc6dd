/**
 * Jest matchers on error codes: tests assert the stable `code` of an error, never its prose.
 * Loaded by every project through `setupFilesAfterEnv`.
 */

declare global {
  namespace jest {
    // biome-ignore lint/complexity/noBannedTypes: declaration merging needs the type parameters of @types/jest, default included
    interface Matchers<R, T = {}> {
      /** The function throws (or, after `.rejects`, the promise rejected with) an error whose `code` is `code`. */
      toThrowWithCode(code: string): R;
      /** The promise, or the promise the function returns, rejects with an error whose `code` is `code`. Await it. */
      toRejectWithCode(code: string): Promise<R>;
    }
  }
}

expect.extend({
  toThrowWithCode(received: unknown, code: string) {
    // After `.rejects` Jest hands over the error itself; otherwise a function is to be called.
    const outcome = this.promise === 'rejects' ? { error: received } : callAndCatch(received);
    return verdict(this.utils, 'toThrowWithCode', outcome, code);
  },

  async toRejectWithCode(received: unknown, code: string) {
    return verdict(this.utils, 'toRejectWithCode', await settle(received), code);
  },
});

/** Either the error that was raised, or nothing when all went well. */
type Outcome = { readonly error: unknown } | undefined;

function callAndCatch(received: unknown): Outcome {
  if (typeof received !== 'function') throw new TypeError('toThrowWithCode: expected a function to call');
  try {
    received();
    return undefined;
  } catch (error) {
    return { error };
  }
}

async function settle(received: unknown): Promise<Outcome> {
  try {
    await (typeof received === 'function' ? received() : received);
    return undefined;
  } catch (error) {
    return { error };
  }
}

function verdict(utils: jest.MatcherUtils['utils'], matcher: string, outcome: Outcome, code: string) {
  const actual = outcome === undefined ? undefined : codeOf(outcome.error);
  const pass = outcome !== undefined && actual === code;
  const message = () =>
    [
      utils.matcherHint(matcher, 'received', 'code'),
      '',
      `Expected code: ${pass ? 'not ' : ''}${utils.printExpected(code)}`,
      outcome === undefined ? 'Nothing was thrown.' : `Received code: ${utils.printReceived(actual)}`,
      outcome === undefined ? '' : describe(outcome.error),
    ].join('\n');
  return { pass, message };
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

export {};

// A bound against hanging, not a measurement: two busy cores make the slowest property take longer than Jest's five seconds.
jest.setTimeout(60_000);
