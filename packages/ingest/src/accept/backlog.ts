import type { Sql } from '@primum/store';

/**
 * How many messages wait to be applied. Counted along, so that the listener can ask on each read; set right from the
 * database every so often, since other processes accept and apply too. At the bound the listener stops reading.
 */
export type Backlog = {
  add(count: number): void;
  waiting(): number;
  saturated(): boolean;
  refresh(): Promise<number>;
};

export function createBacklog({ db }: { db: Sql }, tenant: number, maxWaiting = 10_000): Backlog {
  let count = 0;
  return {
    add: (more) => { count = Math.max(0, count + more); },
    waiting: () => count,
    saturated: () => count >= maxWaiting,
    refresh: async () => {
      const [row] = await db.query<{ waiting: number }>("select count(*) as waiting from message where tenant = $1 and status = 'received'", [tenant]);
      count = row?.waiting ?? 0;
      return count;
    },
  };
}
