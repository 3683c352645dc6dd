/**
 * Runs in the guest, as one process for all files (starting Node costs seconds there): each file of the job in turn, as a
 * worker of Jest's would, every event appended to the job's event file.
 */
const { closeSync, constants, openSync, readFileSync, writeSync } = require('node:fs');

const job = JSON.parse(readFileSync(process.argv[2], 'utf8'));
// Synchronous appends cross hostfs at once, so the outer runner shows progress live.
const events = openSync(job.eventFile, constants.O_WRONLY | constants.O_APPEND | constants.O_SYNC);
const emit = (event, path, data) => writeSync(events, `${JSON.stringify({ event, path, data })}\n`);

// Jest's worker reports single tests to its parent process as [kind, [eventName, [path, …data]]].
process.send = ([, [eventName, [path, ...data]]]) => {
  emit(eventName, path, data);
  return true;
};

async function main() {
  const { setup, worker } = require(job.workerModule);
  await setup({ serializableResolvers: job.resolvers });
  for (const { path, projectId } of job.files) {
    emit('test-file-start', path, []);
    const { config } = job.resolvers.find((resolver) => resolver.config.id === projectId);
    try {
      const context = { changedFiles: undefined, sourcesRelatedToTestsInChangedFiles: undefined };
      emit('test-file-success', path, [await worker({ config, globalConfig: job.globalConfig, path, context })]);
    } catch (error) {
      const { code, message, stack, type = 'Error' } = error;
      emit('test-file-failure', path, [{ code, message, stack: stack ?? message, type }]);
    }
  }
  closeSync(events);
}

main().then(
  // The guest ends with this process: a handle that a test left open must not keep it.
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
