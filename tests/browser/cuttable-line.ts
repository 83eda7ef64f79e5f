import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A TCP line to a local port that a test can cut, as a network does, and join again. */
export type CuttableLine = { url: string; cut(): void; join(): void; close(): Promise<void> };

export async function openCuttableLine(port: number): Promise<CuttableLine> {
  const open = new Set<Socket>();
  let whole = true;
  const server = createServer((near) => {
    near.on('error', () => undefined);
    if (!whole) {
      near.destroy();
      return;
    }
    const far = connect(port, '127.0.0.1');
    far.on('error', () => undefined);
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on('close', () => {
        open.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const cutAll = (): void => { for (const socket of open) socket.destroy(); };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, // a TCP server's address has a port
    cut: () => {
      whole = false;
      cutAll();
    },
    join: () => { whole = true; },
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      cutAll();
    }),
  };
}
