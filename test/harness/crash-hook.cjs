/**
 * Preloaded into the runtime under test (`node --require`): notes every point that the runtime passes, and kills the process
 * there when it is the one that the test waits for. A point is `operation:step` when the step is done, and
 * `operation:begin` before the first step.
 */
const { subscribe } = require('node:diagnostics_channel');
const { appendFileSync, readFileSync } = require('node:fs');
const { join } = require('node:path');

const folder = process.env.KEYWARD_TEST_POINTS;

function pass(point) {
  appendFileSync(join(folder, 'passed'), `${point}\n`);
  if (point === wanted()) process.kill(process.pid, 'SIGKILL');
}

/** Read each time: the test changes its mind while the runtime runs. */
function wanted() {
  try {
    return readFileSync(join(folder, 'kill-at'), 'utf8');
  } catch {
    return undefined;
  }
}

if (folder) {
  subscribe('keyward.operation', ({ operation }) => pass(`${operation}:begin`));
  subscribe('keyward.step', ({ operation, step }) => pass(`${operation}:${step}`));
}
