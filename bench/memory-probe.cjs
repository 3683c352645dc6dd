// Loaded into a process that is to be measured (node --require), started with --expose-gc and an IPC channel: answers any
// message with the memory that is in use after two full collections, which is what a leak keeps. The program is not changed.
process.on('message', () => {
  global.gc();
  global.gc();
  const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage();
  process.send({ heapUsed, external, arrayBuffers, rss });
});
// The channel alone must not keep the process.
process.channel.unref();
