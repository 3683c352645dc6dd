/** Results of test files that could not be run, in the shapes that Jest's reporters expect. */

/** The error with which a whole file fails. */
function failedWith(reason) {
  return { message: reason, stack: undefined, type: 'Error', code: undefined };
}

/** The result of a file that is skipped: one pending test, named after the reason. */
function skippedWith(testFilePath, reason) {
  const title = `skipped: ${reason}`;
  const pending = {
    ancestorTitles: [],
    title,
    fullName: title,
    status: 'pending',
    duration: null,
    failureDetails: [],
    failureMessages: [],
    invocations: 0,
    location: null,
    numPassingAsserts: 0,
    retryReasons: [],
  };
  const noSnapshots = {
    added: 0,
    fileDeleted: false,
    matched: 0,
    unchecked: 0,
    uncheckedKeys: [],
    unmatched: 0,
    updated: 0,
  };
  const now = Date.now();
  return {
    testFilePath,
    testResults: [pending],
    skipped: false,
    leaks: false,
    openHandles: [],
    numFailingTests: 0,
    numPassingTests: 0,
    numPendingTests: 1,
    numTodoTests: 0,
    perfStats: {
      start: now,
      end: now,
      runtime: 0,
      slow: false,
      loadTestEnvironmentStart: now,
      loadTestEnvironmentEnd: now,
    },
    snapshot: noSnapshots,
    failureMessage: null,
    testExecError: undefined,
  };
}

module.exports = { failedWith, skippedWith };
