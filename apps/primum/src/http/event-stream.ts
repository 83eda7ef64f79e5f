import type { ServerEvent } from '@primum/contract';
import type { ServerResponse } from 'node:http';

/** A slow reader is cut off when this much waits for it; its browser reconnects and loads anew. */
const maxBufferedBytes = 256 * 1024;
const beatMs = 3_000;

/**
 * Server-sent events (WHATWG HTML, section 9.2) to every open console. Events name what to load again and hold no
 * content, so that what a person may see is decided where it is read. Bursts are gathered: each kind of event goes
 * out at most once per `gatherMs`, the first of a burst at once.
 */
export type EventStream = {
  publish(event: ServerEvent): void;
  attach(response: ServerResponse, options: { now: () => Date; ended: () => Promise<boolean> }): void;
  readonly size: number;
  close(): void;
};

export function createEventStream(options: { maxClients?: number; gatherMs?: number } = {}): EventStream {
  const { maxClients = 200, gatherMs = 250 } = options;
  const clients = new Set<ServerResponse>();
  const waiting = new Map<string, ServerEvent>();
  const lastSent = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;

  const send = (client: ServerResponse, event: ServerEvent): void => {
    if (client.writableLength > maxBufferedBytes) client.destroy();
    else client.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  };
  const keyOf = (event: ServerEvent): string => (event.type === 'stay' ? `stay ${event.stayId}` : event.type);
  const flush = (): void => {
    timer = undefined;
    const at = performance.now();
    for (const [key, event] of waiting) {
      lastSent.set(key, at);
      for (const client of clients) send(client, event);
    }
    waiting.clear();
    if (lastSent.size > 10_000) lastSent.clear();
  };

  return {
    publish(event) {
      if (clients.size === 0) return;
      const key = keyOf(event);
      const due = (lastSent.get(key) ?? -Infinity) + gatherMs - performance.now();
      waiting.set(key, event);
      if (due <= 0) flush();
      else timer ??= setTimeout(flush, due);
    },
    attach(response, { now, ended }) {
      if (clients.size >= maxClients) {
        response.writeHead(503).end();
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', connection: 'keep-alive', 'x-accel-buffering': 'no' });
      response.write('retry: 1000\n\n');
      clients.add(response);
      send(response, { type: 'hello', now: now().toISOString() });
      const beat = setInterval(() => {
        void ended().then((over) => {
          if (over) response.end();
          else send(response, { type: 'beat', now: now().toISOString() });
        }, () => response.destroy());
      }, beatMs);
      response.on('close', () => {
        clearInterval(beat);
        clients.delete(response);
      });
    },
    get size() { return clients.size; },
    close() {
      clearTimeout(timer);
      for (const client of clients) client.end();
      clients.clear();
    },
  };
}
