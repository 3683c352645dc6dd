/**
 * Jest reporter of `npm test`: one line for each finished file, failures in full, single tests of the slow tiers as they
 * finish, and the counts as JSON into the file KEYWARD_TEST_SUMMARY for the last line that tools/test.ts prints.
 */
const { writeFileSync } = require('node:fs');
const { relative } = require('node:path');
const pc = require('picocolors');

/** Tiers whose files take long enough that people want to see each test. */
const SLOW_TIERS = ['kernel', 'system'];
const HANDLE_GRACE_MS = 5000;

class TestReporter {
  constructor(globalConfig) {
    this.rootDir = globalConfig.rootDir;
    /** Names of what failed, for the end of the output: there, nobody has to search for them. */
    this.failures = [];
  }

  onTestCaseResult(test, result) {
    if (!SLOW_TIERS.includes(tierOf(test))) return;
    const mark = result.status === 'passed' ? pc.green('✓') : result.status === 'failed' ? pc.red('✗') : pc.yellow('○');
    console.log(`       ${mark} ${pc.dim(`${result.fullName} (${result.duration ?? 0} ms)`)}`);
  }

  onTestResult(test, result) {
    const failed = result.numFailingTests > 0 || result.testExecError;
    const skipped = result.numPendingTests + result.numTodoTests;
    const word = failed ? pc.red('FAIL') : result.numPassingTests === 0 ? pc.yellow('SKIP') : pc.green('PASS');
    const count = [
      `${result.numPassingTests} passed`,
      ...(result.numFailingTests > 0 ? [`${result.numFailingTests} failed`] : []),
      ...(skipped > 0 ? [`${skipped} skipped`] : []),
    ].join(', ');
    const seconds = `${((result.perfStats.end - result.perfStats.start) / 1000).toFixed(1)} s`;
    console.log(
      `${word} ${tierOf(test).padEnd(11)} ${relative(this.rootDir, test.path)}  ${pc.dim(`${count}, ${seconds}`)}`,
    );
    if (failed) console.log(result.failureMessage);
    for (const { message, origin } of result.console ?? []) console.log(pc.dim(`  | ${message}\n  ${origin}`));
    const file = relative(this.rootDir, test.path);
    if (result.testExecError) this.failures.push(`${file}: could not be run`);
    for (const { status, fullName } of result.testResults) {
      if (status === 'pending') console.log(`       ${pc.yellow('skipped')} ${fullName}`);
      if (status === 'failed') this.failures.push(`${file}: ${fullName}`);
    }
  }

  onRunComplete(_contexts, results) {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, numRuntimeErrorTestSuites, wasInterrupted } =
      results;
    const summary = {
      passed: numPassedTests,
      // A file that could not even be loaded is one failure.
      failed: numFailedTests + numRuntimeErrorTestSuites,
      skipped: numPendingTests + numTodoTests,
      interrupted: Boolean(wasInterrupted),
      failures: this.failures,
    };
    if (process.env.KEYWARD_TEST_SUMMARY) writeFileSync(process.env.KEYWARD_TEST_SUMMARY, JSON.stringify(summary));
    // Unreferenced: it fires only when something else keeps this process alive.
    setTimeout(() => {
      console.error(pc.red(`Jest has not exited; still open: ${process.getActiveResourcesInfo().join(', ')}`));
    }, HANDLE_GRACE_MS).unref();
  }
}

function tierOf(test) {
  return test.context.config.displayName?.name ?? '';
}

module.exports = TestReporter;
