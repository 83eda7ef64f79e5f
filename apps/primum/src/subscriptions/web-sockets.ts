import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Keys } from '@primum/trust';
import { WebSocket, WebSocketServer } from 'ws';
import { tenant } from '../core.ts';
import type { Sent } from './post-notification.ts';

/** Where web sockets are opened (Subscriptions R5 Backport, "Websockets"). */
export const webSocketPath = '/api/fhir/ws';
const tokenSeconds = 60;
const tokenAad = 'subscription-binding';
const maxSockets = 500;
const maxBindings = 100;
/** A receiver for whom this much waits is cut off: what it did not get stays in the table. */
const maxBufferedBytes = 1024 * 1024;
const bindWithinMs = 15_000;
const pingMs = 30_000;

export type WebSockets = {
  /** Ids of subscriptions with an open socket here. */
  bound(): string[];
  send(id: string, text: string): Promise<Sent>;
  /** Cuts off sockets of a subscription that is over; the last word is why. */
  drop(id: string, reason: string): void;
  /** Takes upgrades of a server. `isOurs`: of the request's host and origin. */
  serve(server: Server, isOurs: (request: IncomingMessage) => boolean): void;
  close(): void;
};

/** A short word that opens a socket for these subscriptions, for a minute: sealed, so that nothing of it is kept. */
export function bindingToken(keys: Pick<Keys, 'seal'>, ids: readonly string[], now: Date): { token: string; expiresAt: Date } {
  const expiresAt = new Date(now.getTime() + tokenSeconds * 1_000);
  return { token: keys.seal(tenant, { kind: 'tenant' }, Buffer.from(JSON.stringify({ ids, until: expiresAt.getTime() })), tokenAad).toString('base64url'), expiresAt };
}

async function boundBy(keys: Pick<Keys, 'open'>, token: string, now: Date): Promise<readonly string[]> {
  try {
    const { ids, until } = JSON.parse((await keys.open(tenant, Buffer.from(token, 'base64url'), tokenAad)).toString()) as { ids: string[]; until: number }; // as it was sealed
    return until > now.getTime() ? ids : [];
  } catch {
    return [];
  }
}

/** `opened`: a subscription got its first word and may be brought up to date; gives whether it still goes on, with its handshake. */
export function createWebSockets(deps: { keys: Pick<Keys, 'open'>; now: () => Date; opened(id: string): Promise<string | null> }): WebSockets {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 16 * 1024, perMessageDeflate: false });
  const byId = new Map<string, Set<WebSocket>>();
  const alive = new WeakSet<WebSocket>();

  const forget = (socket: WebSocket): void => {
    for (const [id, open] of byId) {
      open.delete(socket);
      if (open.size === 0) byId.delete(id);
    }
  };
  const bind = async (socket: WebSocket, token: string): Promise<void> => {
    const ids = await boundBy(deps.keys, token, deps.now());
    if (ids.length === 0) return socket.close(1008, 'the token is not good');
    for (const id of ids) {
      const handshake = await deps.opened(id);
      if (handshake === null) return socket.close(1008, 'the subscription is over');
      if (socket.readyState !== WebSocket.OPEN) return;
      const open = byId.get(id) ?? new Set();
      if (open.size >= maxBindings) return socket.close(1013, 'too many');
      socket.send(handshake);
      byId.set(id, open.add(socket));
    }
  };
  sockets.on('connection', (socket) => {
    alive.add(socket);
    const unbound = setTimeout(() => { if (![...byId.values()].some((open) => open.has(socket))) socket.close(1008, 'no token was sent'); }, bindWithinMs).unref();
    socket.on('pong', () => alive.add(socket));
    socket.on('error', () => socket.terminate());
    socket.on('close', () => { clearTimeout(unbound); forget(socket); });
    socket.on('message', (data, binary) => {
      const token = binary ? undefined : tokenIn(String(data));
      if (token !== undefined) void bind(socket, token).catch(() => socket.close(1011));
    });
  });
  const pinging = setInterval(() => {
    for (const socket of sockets.clients) {
      if (!alive.has(socket)) socket.terminate();
      else {
        alive.delete(socket);
        socket.ping();
      }
    }
  }, pingMs).unref();

  return {
    bound: () => [...byId.keys()],
    async send(id, text) {
      const sent = await Promise.all([...byId.get(id) ?? []].map((socket) => new Promise<boolean>((done) => {
        if (socket.bufferedAmount > maxBufferedBytes) {
          socket.terminate();
          done(false);
        } else socket.send(text, (error) => done(error === undefined || error === null));
      })));
      return sent.includes(true) ? { ok: true } : { ok: false, reason: 'unreachable' };
    },
    drop(id, reason) {
      for (const socket of byId.get(id) ?? []) socket.close(1008, reason);
      byId.delete(id);
    },
    serve(server, isOurs) {
      server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
        const refuse = (status: string): void => void socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
        socket.on('error', () => socket.destroy());
        if (request.url?.split('?')[0] !== webSocketPath) refuse('404 Not Found');
        else if (!isOurs(request)) refuse('403 Forbidden');
        else if (sockets.clients.size >= maxSockets) refuse('503 Service Unavailable');
        else sockets.handleUpgrade(request, socket, head, (opened) => sockets.emit('connection', opened, request));
      });
    },
    close() {
      clearInterval(pinging);
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
    },
  };
}

/** `bind-with-token: TOKEN`, with or without the colon, or as JSON, as clients of Medplum's send it. */
function tokenIn(message: string): string | undefined {
  const [, plain] = /^bind-with-token:?\s+([\w-]+)\s*$/.exec(message) ?? [];
  if (plain !== undefined) return plain;
  try {
    const { type, payload } = JSON.parse(message) as { type?: unknown; payload?: { token?: unknown } };
    return type === 'bind-with-token' && typeof payload?.token === 'string' ? payload.token : undefined;
  } catch {
    return undefined;
  }
}
