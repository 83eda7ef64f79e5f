import { setTimeout as sleep } from 'node:timers/promises';
import type { Sql } from '@primum/store';

/**
 * How many messages wait to be applied, and how fast they come. Counted along, so that the listener can ask on each
 * read; set right from the database every so often, since other processes accept and apply too. At the bound the
 * listener stops reading.
 */
export type Backlog = {
  /** Messages that were accepted (positive) or dealt with (negative). */
  add(count: number): void;
  waiting(): number;
  saturated(): boolean;
  /**
   * How many times as long as a batch took the next one may wait, because more come in than a ward sends in peace and
   * there is room for them: persisting goes before applying. 0 in peace and where half the room is taken, 1 in a burst, more where more
   * come in than could be applied anyway.
   */
  patience(): number;
  refresh(): Promise<number>;
};

/**
 * Waits until there is room, as a listener does by not reading. False where nothing was applied for `stalledMs`: whoever
 * waits must not wait for ever for an applier that is not there.
 */
export async function roomIn(backlog: Backlog, { stalledMs = 60_000, everyMs = 200 }: { stalledMs?: number; everyMs?: number } = {}): Promise<boolean> {
  let [least, since] = [Infinity, performance.now()];
  for (let waiting = await backlog.refresh(); backlog.saturated(); waiting = await backlog.refresh()) {
    if (waiting < least) [least, since] = [waiting, performance.now()];
    if (performance.now() - since > stalledMs) return false;
    await sleep(everyMs);
  }
  return true;
}

const windowMs = 100;
const burstPerWindow = 25;
const floodPerWindow = 100;
const patienceInFlood = 10;

export function createBacklog({ db }: { db: Sql }, tenant: number, maxWaiting = 30_000): Backlog {
  let count = 0;
  let window = 0;
  let arrived = 0;
  let arrivedBefore = 0;
  const turn = (): void => {
    const now = Math.floor(performance.now() / windowMs);
    if (now === window) return;
    arrivedBefore = now === window + 1 ? arrived : 0;
    arrived = 0;
    window = now;
  };
  const saturated = (): boolean => count >= maxWaiting;
  return {
    add: (more) => {
      count = Math.max(0, count + more);
      turn();
      if (more > 0) arrived += more;
    },
    waiting: () => count,
    saturated,
    patience: () => {
      turn();
      const coming = Math.max(arrived, arrivedBefore);
      return coming < burstPerWindow || 2 * count >= maxWaiting ? 0 : coming < floodPerWindow ? 1 : patienceInFlood;
    },
    refresh: async () => {
      const [row] = await db.query<{ waiting: number }>("select count(*) as waiting from message where tenant = $1 and status = 'received'", [tenant]);
      count = row?.waiting ?? 0;
      return count;
    },
  };
}
