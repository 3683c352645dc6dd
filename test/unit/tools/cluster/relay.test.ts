import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { relay } from '../../../../tools/cluster/relay';

const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

async function listen(server: Server): Promise<number> {
  open.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

test('brings bytes there and back, and lets each side finish', async () => {
  const target = createServer({ allowHalfOpen: true }, (socket) => {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('end', () => socket.end(Buffer.concat(chunks)));
  });
  const targetPort = await listen(target);
  const front = createServer({ allowHalfOpen: true });
  relay(front, { host: '127.0.0.1', port: targetPort });
  const sent = 'x'.repeat(3_000_000);
  const socket = connect({ port: await listen(front), host: '127.0.0.1', allowHalfOpen: true });
  socket.end(sent);
  expect(await text(socket)).toBe(sent);
});

test('closes a connection that cannot be brought on', async () => {
  const gone = createServer();
  const port = await listen(gone);
  await new Promise((resolve) => gone.close(resolve));
  const front = createServer({ allowHalfOpen: true });
  relay(front, { host: '127.0.0.1', port });
  const socket = connect({ port: await listen(front), host: '127.0.0.1' });
  socket.on('error', () => undefined);
  await once(socket, 'close');
  expect(socket.destroyed).toBe(true);
});
