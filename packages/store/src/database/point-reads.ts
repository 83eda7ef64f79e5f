import type { Session } from './open-db.ts';
import type { Sql } from './sql.ts';

const connections = 2;

/**
 * Reads of a few rows by their key share two connections, on which they are pipelined: what callers ask in one turn of the
 * event loop leaves in one write and wakes one server process. A connection each costs a wake-up a query, which on few
 * cores is more than the query. Not for what may take long: everybody behind it would wait.
 */
export function createPointReads(open: () => Promise<Session>): Sql & { close(): Promise<void> } {
  const places: (Promise<Session> | undefined)[] = Array.from({ length: connections }, () => undefined);
  let turn = 0;
  let waiting: (() => void)[] = [];
  const at = (place: number): Promise<Session> => {
    const held = places[place];
    if (held !== undefined) return held;
    const opened = open();
    places[place] = opened;
    const forget = (): void => { if (places[place] === opened) places[place] = undefined; };
    opened.then(({ lost }) => {
      if (lost.aborted) forget();
      else lost.addEventListener('abort', forget, { once: true });
    }, forget);
    return opened;
  };
  const send = (): void => {
    const all = waiting;
    waiting = [];
    turn = (turn + 1) % connections;
    // Together, so that they leave together.
    void at(turn).then(() => { for (const one of all) one(); }, () => { for (const one of all) one(); });
  };
  return {
    async query<Row>(text: string, values?: readonly unknown[]): Promise<Row[]> {
      await new Promise<void>((resolve) => {
        if (waiting.length === 0) setImmediate(send);
        waiting.push(resolve);
      });
      return (await at(turn)).query<Row>(text, values);
    },
    close: async () => {
      await Promise.all(places.map(async (place) => (await place?.catch(() => undefined))?.close()));
    },
  };
}
