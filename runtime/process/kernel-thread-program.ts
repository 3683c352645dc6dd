/**
 * What the thread of kernel-thread.ts runs: text, because the bundle is one file and a thread that loaded it all would cost
 * more than the processes that it saves. It answers each order with 0, the number of an error, or null: nothing was tried.
 *
 * A key goes into the keyring of the thread (-1), which no other thread and no child has. Sources: add_key(2), keyrings(7),
 * mount(2).
 */
export const kernelThreadProgram = `
'use strict';
const { parentPort, workerData } = require('node:worker_threads');
const { closeSync, openSync, writeSync } = require('node:fs');
const koffi = require(workerData);
const threadKeyring = -1;

function loadMount() {
  return koffi.load(null).func('int mount(const char *, const char *, const char *, unsigned long, const char *)');
}

function loadKeyring() {
  const library = koffi.load('libkeyutils.so.1');
  return {
    add: library.func('int add_key(const char *, const char *, const void *, size_t, int)'),
    unlink: library.func('long keyctl_unlink(int, int)'),
  };
}

let mountCall;
let keyring;

const orders = {
  mount({ source, target, fsType, flags, data }) {
    mountCall ??= loadMount();
    return mountCall(source, target, fsType, flags, data) === 0 ? 0 : koffi.errno();
  },
  write({ path, line, key }) {
    const added = key && addKey(key);
    if (added < 0) return null;
    let file;
    try {
      file = openSync(path, 'w');
      writeSync(file, line);
      return 0;
    } catch (error) {
      return -error.errno;
    } finally {
      if (file !== undefined) closeSync(file);
      if (added !== undefined) keyring.unlink(added, threadKeyring);
    }
  },
};

function addKey({ type, name, payload }) {
  try {
    keyring ??= loadKeyring();
    return keyring.add(type, name, payload, payload.length, threadKeyring);
  } catch {
    return -1;
  } finally {
    payload.fill(0);
  }
}

parentPort.on('message', (order) => {
  let answer = null;
  try {
    answer = orders[order.do](order);
  } catch {
    // The C library is not what it is thought to be: the command does it.
  }
  parentPort.postMessage(answer);
});
`;
