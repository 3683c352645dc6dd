/**
 * Preloaded into the runtime under test (`node --require`): notes every point that the runtime passes, and kills the process
 * there when the test wants so: at one named point, or (`operation:*`) at the first point of an operation at which it has
 * not died before. A point is `operation:step` when the step is done, and
 * `operation:begin` before the first step.
 */
const { subscribe } = require('node:diagnostics_channel');
const { appendFileSync, readFileSync } = require('node:fs');
const { join } = require('node:path');

const folder = process.env.KEYWARD_TEST_POINTS;

function pass(point) {
  appendFileSync(join(folder, 'passed'), `${point}\n`);
  const wanted = read('kill-at');
  const isNext =
    wanted.endsWith(':*') && point.startsWith(wanted.slice(0, -1)) && !read('deaths').includes(`${point}\n`);
  if (point !== wanted && !isNext) return;
  appendFileSync(join(folder, 'deaths'), `${point}\n`);
  process.kill(process.pid, 'SIGKILL');
}

/** Read each time: the test changes its mind while the runtime runs. */
function read(name) {
  try {
    return readFileSync(join(folder, name), 'utf8');
  } catch {
    return '';
  }
}

if (folder) {
  subscribe('keyward.operation', ({ operation }) => pass(`${operation}:begin`));
  subscribe('keyward.step', ({ operation, step }) => pass(`${operation}:${step}`));
}
