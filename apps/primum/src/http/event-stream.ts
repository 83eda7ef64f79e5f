import type { ServerEvent } from '@primum/contract';
import type { ServerResponse } from 'node:http';

/** A slow reader is cut off when this much waits for it; its browser reconnects and loads anew. */
const maxBufferedBytes = 256 * 1024;
const beatMs = 3_000;
/** A session that ended is noticed within this time, and its stream cut. */
const lookMs = 500;
/** Windows of one session, so that nobody takes the places of all. */
const maxPerSession = 10;

/**
 * Server-sent events (WHATWG HTML, section 9.2) to every open console. Events name what to load again and hold no
 * content, so that what a person may see is decided where it is read. Bursts are gathered: each kind of event goes
 * out at most once per `gatherMs`, the first of a burst at once.
 */
export type EventStream = {
  publish(event: ServerEvent): void;
  /** `token`: of the session for which it stays open. `stays`: whether it may hear which stays changed. */
  attach(response: ServerResponse, options: { now: () => Date; token: string; stays: boolean }): void;
  readonly size: number;
  close(): void;
};

export function createEventStream(options: {
  /** Which of these tokens are still good, asked for all streams at once. */
  live: (tokens: readonly string[]) => Promise<ReadonlySet<string>>;
  maxClients?: number; gatherMs?: number;
}): EventStream {
  const { live, maxClients = 200, gatherMs = 250 } = options;
  const clients = new Map<ServerResponse, { token: string; stays: boolean }>();
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
      for (const [client, { stays }] of clients) if (stays || event.type !== 'stay') send(client, event);
    }
    waiting.clear();
    if (lastSent.size > 10_000) lastSent.clear();
  };

  let looking: NodeJS.Timeout | undefined;
  let busy = false;
  /** Whoever can't be told to be still signed in is cut off: a console that is reconnects. */
  const look = async (): Promise<void> => {
    if (busy || clients.size === 0) return;
    busy = true;
    const asked = [...clients];
    try {
      const good = await live([...new Set(asked.map(([, { token }]) => token))]);
      for (const [client, { token }] of asked) if (!good.has(token)) client.end();
    } catch {
      for (const [client] of asked) client.destroy();
    } finally {
      busy = false;
    }
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
    attach(response, { now, token, stays }) {
      const own = [...clients.values()].filter((other) => other.token === token).length;
      if (clients.size >= maxClients || own >= maxPerSession) {
        response.writeHead(503).end();
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', connection: 'keep-alive', 'x-accel-buffering': 'no' });
      response.write('retry: 1000\n\n');
      clients.set(response, { token, stays });
      looking ??= setInterval(() => void look(), lookMs);
      send(response, { type: 'hello', now: now().toISOString() });
      const beat = setInterval(() => {
        send(response, { type: 'beat', now: now().toISOString() });
      }, beatMs);
      response.on('close', () => {
        clearInterval(beat);
        clients.delete(response);
      });
    },
    get size() { return clients.size; },
    close() {
      clearTimeout(timer);
      clearInterval(looking);
      for (const client of clients.keys()) client.end();
      clients.clear();
    },
  };
}
