import { availableParallelism } from 'node:os';
import { PrimumError } from '@primum/base';
import { ensureKeysOf, Overtaken, patientsOf, placeOf, writeCalls, type PlannedCall } from './write-calls.ts';
import type { WriteDeps, Written } from './write-resources.ts';

/**
 * Group commit: small writes that come while others are under way go into one transaction together. Each is its own: one that is refused takes no
 * other with it, and its audit event is its caller's. `write` returns after the commit; undefined: it must be written alone, nothing was.
 */
export type WriteGroups = { write(deps: WriteDeps, one: PlannedCall): Promise<Written[] | undefined> };

/** Operations of one call and of one group. */
const maxOfCall = 20;
const maxOfGroup = 200;

type Waiting = { deps: WriteDeps; one: PlannedCall; /** What only one transaction at a time may write. */ touches: ReadonlySet<string>; settle(outcome: Written[] | Error | undefined): void };

/**
 * The writes of one process, whose `deps` must be the same for every call. `lanes`: transactions under way at once, while which the next gathers;
 * half as many as there are cores, since the database needs the others.
 */
export function createWriteGroups({ lanes = Math.max(1, Math.floor(availableParallelism() / 2)) } = {}): WriteGroups {
  let waiting: Waiting[] = [];
  const underWay = new Set<string>();
  let running = 0;

  /** In the order in which they came, but for those that wait for what another group or an earlier one of the same resource holds. */
  const take = (): Waiting[] => {
    const group: Waiting[] = [];
    const left: Waiting[] = [];
    const places = new Set<string>();
    const behind = new Set<string>();
    let operations = 0;
    for (const next of waiting) {
      const { call, planned } = next.one;
      const fits = operations + planned.length <= maxOfGroup && call.tenant === (group[0] ?? next).one.call.tenant;
      const free = fits && ![...next.touches].some((touched) => underWay.has(touched) || behind.has(touched)) && !planned.some((each) => places.has(placeOf(each)));
      if (!free) {
        for (const touched of next.touches) behind.add(touched);
        left.push(next);
        continue;
      }
      group.push(next);
      operations += planned.length;
      for (const each of planned) places.add(placeOf(each));
    }
    waiting = left;
    return group;
  };

  const run = async (): Promise<void> => {
    running += 1;
    for (let group = take(); group.length > 0; group = take()) {
      for (const { touches } of group) for (const touched of touches) underWay.add(touched);
      const outcomes = await writeGroup(group);
      for (const { touches } of group) for (const touched of touches) underWay.delete(touched);
      for (const [n, { settle }] of group.entries()) settle(outcomes[n]);
    }
    running -= 1;
  };

  return {
    write: async (deps, one) => {
      if (one.planned.length > maxOfCall || one.call.messageId !== undefined || one.call.within !== undefined) return undefined;
      // A key store across a network may be slow, or away: whoever needs it waits here, where nobody waits behind.
      await ensureKeysOf(deps.keys, one);
      return new Promise((resolve, reject) => {
        const touches = new Set([...patientsOf(one), ...one.planned.map(placeOf)]);
        waiting.push({ deps, one, touches, settle: (outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome)) });
        if (running < lanes) void run();
      });
    },
  };
}

/** Never waits for a patient whom others hold: those calls are undefined. Nor is anybody's failure another's: then all are. */
async function writeGroup(group: readonly Waiting[]): Promise<(Written[] | Error | undefined)[]> {
  const [{ deps }] = group as [Waiting]; // one at least
  try {
    const outcomes = await deps.db.transaction((tx) => writeCalls(deps, tx, group.map(({ one }) => one), { passBy: true }));
    return outcomes.map((outcome) => (outcome instanceof Overtaken ? undefined : outcome));
  } catch (error) {
    // With the connection the answer to a commit may have been lost: written once more it could stand twice.
    const unknown = error instanceof PrimumError && error.code === 'store.unreachable';
    return group.map(() => (unknown ? error : undefined));
  }
}
