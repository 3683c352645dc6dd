import { existsSync } from 'node:fs';
import { requestJson } from '../../harness/http-json';
import { freePort } from '../../harness/ports';
import { ServerProcess } from '../../harness/server-process';

const echoServer = 'require("node:http").createServer((_, r) => r.end("{}")).listen(process.argv[1], "127.0.0.1")';

async function nodeServer(script: string) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const isHealthy = async () => (await requestJson({ url })).status === 200;
  return { url, command: { command: process.execPath, args: ['-e', script, String(port)], isHealthy } };
}

test('starts, halts and starts again on the same address, and leaves nothing', async () => {
  const server = new ServerProcess('echo');
  const { url, command } = await nodeServer(echoServer);
  await server.start(command);
  expect((await requestJson({ url })).body).toEqual({});
  await server.halt();
  await expect(requestJson({ url })).toRejectWithCode('ECONNREFUSED');
  await server.start(command);
  await server.stop();
  await server.stop();
  expect(existsSync(server.folder)).toBe(false);
});

test('rejects with the end of the log when the server exits', async () => {
  await using server = new ServerProcess('failing');
  const { command } = await nodeServer('console.error("no such option: --x"); process.exit(1)');
  await expect(server.start(command)).rejects.toThrow(/failing exited.*no such option: --x/s);
});

test('rejects at the health deadline, and the server is gone', async () => {
  await using server = new ServerProcess('silent');
  const { command } = await nodeServer('setInterval(() => {}, 1000)');
  await expect(server.start({ ...command, healthDeadlineMs: 300 })).rejects.toThrow(/not healthy in time/);
  expect(server.pid).toBeUndefined();
});

test('rejects a program that does not exist', async () => {
  await using server = new ServerProcess('absent');
  const { command } = await nodeServer('');
  await expect(server.start({ ...command, command: '/nonexistent' })).rejects.toThrow(/absent exited/);
});
