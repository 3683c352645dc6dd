/**
 * Preloaded into the runtime under test (`node --require`): notes every point that the runtime passes, and kills the process
 * there when the test wants so: at one named point, or (`operation:*`) at the first point of an operation at which it has
 * not died before; or lets it stand still at a named point until the test lets it go on. A point is `operation:step` when the step is done, and
 * `operation:begin` before the first step.
 */
const { subscribe } = require('node:diagnostics_channel');
const { appendFileSync, existsSync, readFileSync, renameSync } = require('node:fs');
const { join } = require('node:path');

const folder = process.env.KEYWARD_TEST_POINTS;

function pass(point) {
  appendFileSync(join(folder, 'passed'), `${point}\n`);
  if (read('pause-at') === point) standStill();
  const wanted = read('kill-at');
  const isNext =
    wanted.endsWith(':*') && point.startsWith(wanted.slice(0, -1)) && !read('deaths').includes(`${point}\n`);
  if (point !== wanted && !isNext) return;
  appendFileSync(join(folder, 'deaths'), `${point}\n`);
  process.kill(process.pid, 'SIGKILL');
}

/** Nothing of the process goes on: no timer, no answer is read. Other processes that it started do. */
function standStill() {
  renameSync(join(folder, 'pause-at'), join(folder, 'paused'));
  const never = new Int32Array(new SharedArrayBuffer(4));
  while (existsSync(join(folder, 'paused'))) Atomics.wait(never, 0, 0, 20);
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
  // A step that is called so has another name here than the moment before the first step.
  subscribe('keyward.step', ({ operation, step }) => pass(`${operation}:${step === 'begin' ? 'begun' : step}`));
}
