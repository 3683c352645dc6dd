/**
 * Jest runner of the `kernel` project. Where the host has dm-crypt it is the stock runner, one file after the other. Elsewhere
 * it boots one guest, which runs the files and appends every event of Jest's to a file here, line by line; they are passed on
 * as they come, so that tests in the guest are reported as ordinary tests.
 */
const { mkdtempSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { basename, dirname, join } = require('node:path');
const TestRunner = require('jest-runner').default;
const { require: requireTypeScript } = require('tsx/cjs/api');
const { failedWith, skippedWith } = require('./file-results');

/** For one guest. The files without Ceph share one, and are done in 20 minutes on two cores that do something else too. */
const TIME_LIMIT_MS = (process.env.KEYWARD_LONG_TESTS === '1' ? 180 : 40) * 60_000;
const POLL_MS = 100;
/** A Ceph keeps its data in memory here. The kernel takes what it uses. */
const MEMORY_MIB = 3072;

class GuestRunner extends TestRunner {
  /** @type {Map<string, Set<(data: unknown[]) => unknown>>} */
  #listeners = new Map();

  on(eventName, listener) {
    const listeners = this.#listeners.get(eventName) ?? new Set();
    this.#listeners.set(eventName, listeners.add(listener));
    const off = super.on(eventName, listener);
    return () => {
      listeners.delete(listener);
      off();
    };
  }

  async runTests(tests, watcher, options) {
    // Inside the guest there is nothing to decide, and loading TypeScript would cost seconds.
    if (process.env.KEYWARD_GUEST === '1') return super.runTests(tests, watcher, { ...options, serial: true });
    const { hostSupport } = requireTypeScript('../../../tools/guest/host-support.ts', __filename);
    const support = await hostSupport();
    if (support.mode === 'native') return super.runTests(tests, watcher, { ...options, serial: true });
    if (support.mode === 'guest') {
      for (const group of byGuest(tests)) await this.#runInGuest(group, watcher);
      return;
    }
    const reason = `no dm-crypt here and no guest either; missing: ${support.missing.join(', ')}. ${support.remedy}`;
    for (const test of tests) await this.#reportUnable(test, reason);
  }

  async #reportUnable(test, reason) {
    await this.#emit('test-file-start', [test]);
    // A user may lack a component; continuous integration may not.
    if (process.env.CI === 'true') await this.#emit('test-file-failure', [test, failedWith(reason)]);
    else await this.#emit('test-file-success', [test, skippedWith(test.path, reason)]);
  }

  async #runInGuest(tests, watcher) {
    const { runInGuest } = requireTypeScript('../../../tools/guest/run-in-guest.ts', __filename);
    const folder = mkdtempSync(join(tmpdir(), 'keyward-kernel-'));
    const unfinished = new Map(tests.map((test) => [test.path, test]));
    const events = new EventFile(join(folder, 'events'));
    const passOn = async () => {
      for (const event of events.poll()) await this.#passOn(event, unfinished);
    };
    const interrupt = new AbortController();
    watcher.on('change', () => interrupt.abort());
    try {
      writeFileSync(join(folder, 'job.json'), JSON.stringify(jobOf(tests, this._globalConfig, events.path)));
      const running = runInGuest({
        command: [process.execPath, join(__dirname, 'run-files.js'), join(folder, 'job.json')],
        timeoutMs: TIME_LIMIT_MS,
        memoryMiB: MEMORY_MIB,
        expose: [folder, this._globalConfig.rootDir, ...tests.map((test) => test.context.config.cacheDirectory)],
        onStdout: (chunk) => process.stderr.write(chunk),
        onStderr: (chunk) => process.stderr.write(chunk),
        signal: interrupt.signal,
      });
      const result = await pollUntil(running, passOn);
      await passOn();
      for (const test of unfinished.values())
        await this.#emit('test-file-failure', [test, failedWith(epitaph(result))]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  async #passOn({ event, path, data }, unfinished) {
    const test = unfinished.get(path);
    if (event === 'test-case-start' || event === 'test-case-result') return this.#emit(event, [path, ...data]);
    if (test === undefined) return;
    if (event !== 'test-file-start') unfinished.delete(path);
    await this.#emit(event, [test, ...data]);
  }

  async #emit(eventName, data) {
    for (const listener of this.#listeners.get(eventName) ?? []) await listener(data);
  }
}

/** One guest for all files without a Ceph, and one for each with: a kernel that waits for a cluster that is gone takes others with it. */
function byGuest(tests) {
  const usesCeph = (test) => basename(test.path).startsWith('rbd');
  const without = tests.filter((test) => !usesCeph(test));
  return [...(without.length > 0 ? [without] : []), ...tests.filter(usesCeph).map((test) => [test])];
}

/** Everything the guest needs to run the files as a Jest worker would. */
function jobOf(tests, globalConfig, eventFile) {
  const contexts = [...new Set(tests.map((test) => test.context))];
  return {
    eventFile,
    globalConfig,
    // Not among the package's exports, hence by path: the module that Jest's own worker processes run.
    workerModule: join(dirname(require.resolve('jest-runner')), 'testWorker.js'),
    resolvers: contexts.map(({ config, moduleMap }) => ({ config, serializableModuleMap: moduleMap.toJSON() })),
    files: tests.map((test) => ({ path: test.path, projectId: test.context.config.id })),
  };
}

async function pollUntil(running, poll) {
  let result;
  running.then(
    (value) => {
      result = value;
    },
    () => undefined,
  );
  const ended = running.catch(() => undefined);
  while (result === undefined) {
    await poll();
    const tick = new Promise((resolve) => setTimeout(resolve, POLL_MS, 'tick'));
    if ((await Promise.race([ended, tick])) !== 'tick') break;
  }
  return running;
}

function epitaph({ timedOut, panicked, exitCode, console }) {
  const how = timedOut
    ? `was killed after ${TIME_LIMIT_MS / 60_000} min`
    : panicked
      ? 'died'
      : `ended (exit code ${exitCode})`;
  return `The guest ${how} before this file had a result. Its console ends:\n${console}`;
}

/** Reads whole lines of JSON from a file that the guest appends to. */
class EventFile {
  #lines = 0;

  constructor(path) {
    this.path = path;
    writeFileSync(path, '');
  }

  poll() {
    // What follows the last newline is still being written.
    const complete = readFileSync(this.path, 'utf8').split('\n').slice(0, -1);
    const fresh = complete.slice(this.#lines);
    this.#lines = complete.length;
    return fresh.map((line) => JSON.parse(line));
  }
}

module.exports = GuestRunner;
